// What mdBook leaves out for those who use a keyboard or a screen reader, or print in a dark theme.
"use strict";

(function () {
    boxesThatScroll();
    sidebarToggle();
    searchBar();
    lightPaper();

    // A box that scrolls can be reached with Tab, and then be scrolled with the arrows.
    function boxesThatScroll() {
        const boxes = document.querySelectorAll("main :is(pre, pre > code, .table-wrapper, figure)");
        const watch = new ResizeObserver((entries) => entries.forEach(({ target }) => reach(target)));
        for (const box of boxes) {
            watch.observe(box);
        }
    }

    function reach(box) {
        const scrolls =
            box.scrollWidth > box.clientWidth && /auto|scroll/.test(getComputedStyle(box).overflowX);
        // Others may have given it a name and a place of its own in the order.
        if (scrolls && !box.hasAttribute("tabindex")) {
            box.setAttribute("tabindex", "0");
            box.dataset.reached = "";
            if (!box.hasAttribute("role") && !box.matches("figure")) {
                box.setAttribute("role", "group");
                box.setAttribute("aria-label", box.matches(".table-wrapper") ? "Table" : "Code");
            }
        } else if (!scrolls && "reached" in box.dataset) {
            ["tabindex", "role", "aria-label", "data-reached"].forEach((name) => box.removeAttribute(name));
        }
    }

    // The label of a hidden checkbox: nothing that Tab stops at, and no word may be said of it.
    function sidebarToggle() {
        const toggle = document.getElementById("mdbook-sidebar-toggle");
        if (!toggle) {
            return;
        }
        toggle.setAttribute("role", "button");
        toggle.tabIndex = 0;
        toggle.addEventListener("keydown", (event) => {
            if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                toggle.click();
            }
        });
    }

    // It refers to an id by the name that this had in an older mdBook.
    function searchBar() {
        const bar = document.getElementById("mdbook-searchbar");
        bar?.setAttribute("aria-describedby", "mdbook-searchresults-header");
    }

    // A dark theme leaves its background out on paper, and light letters stay.
    function lightPaper() {
        const root = document.documentElement;
        const themes = ["light", "rust", "coal", "navy", "ayu"];
        const sheets = ["highlight", "tomorrow-night", "ayu-highlight"].map((name) =>
            document.getElementById(`mdbook-${name}-css`),
        );
        let onScreen = null;
        const paper = window.matchMedia("print");
        const change = (printing) => {
            if (printing && !onScreen) {
                const theme = themes.find((name) => root.classList.contains(name)) ?? "light";
                onScreen = { theme, disabled: sheets.map((sheet) => sheet?.disabled) };
                root.classList.replace(theme, "light");
                sheets.forEach((sheet, i) => sheet && (sheet.disabled = i !== 0));
            } else if (!printing && onScreen) {
                root.classList.replace("light", onScreen.theme);
                sheets.forEach((sheet, i) => sheet && (sheet.disabled = onScreen.disabled[i]));
                onScreen = null;
            }
        };
        paper.addEventListener("change", () => change(paper.matches));
        window.addEventListener("beforeprint", () => change(true));
        window.addEventListener("afterprint", () => change(false));
        change(paper.matches);
    }
})();
