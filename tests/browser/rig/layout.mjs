// What is wrong with how a page is laid out. These functions run inside the page.

// Opens what is folded away.
export function unfold() {
    document.querySelectorAll("details").forEach((details) => (details.open = true));
}

// Parts of the page that moved while it was loaded.
export function shifts() {
    // The browser's own measure: the part of the window that moved, times how far.
    const LIMIT = 0.01;
    const name = (node) => {
        const element = node?.nodeType === Node.ELEMENT_NODE ? node : node?.parentElement;
        return element ? `<${element.localName} class="${element.getAttribute("class") ?? ""}">` : "something";
    };
    const sum = window.shifts.reduce((sum, entry) => sum + entry.value, 0);
    const moved = window.shifts.flatMap((entry) => entry.sources.map((source) => name(source.node)));
    return sum < LIMIT ? [] : [`the page moves while it loads (${sum.toFixed(3)}): ${[...new Set(moved)].join(", ")}`];
}

// Pages that scroll sideways, text that is cut off, texts on top of each other, empty blocks.
export function layout() {
    // A browser rounds: what differs by this many pixels is not seen.
    const SLACK = 1.5;
    const styles = new Map();
    const style = (element) => {
        if (!styles.has(element)) {
            styles.set(element, getComputedStyle(element));
        }
        return styles.get(element);
    };
    const shown = new Map();
    const seen = new Map();
    const visible = (element) => {
        if (!seen.has(element)) {
            const options = { opacityProperty: true, visibilityProperty: true };
            seen.set(element, element.checkVisibility(options));
        }
        return seen.get(element);
    };
    const words = (text) => text.replace(/\s+/g, " ").trim().slice(0, 50);
    const name = (element) => {
        const kind = element.getAttribute("class");
        const heading = element.closest("main") ? headingBefore(element) : "outside of main";
        return `<${element.localName}${kind ? ` class="${kind}"` : ""}> "${words(element.textContent)}" (${heading})`;
    };
    const headings = [...document.querySelectorAll("main :is(h1, h2, h3)")];
    const headingBefore = (element) => {
        const before = headings.filter((h) => h.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING);
        return words(before.at(-1)?.textContent ?? "at the top");
    };

    return [...wide(), ...cut(), ...cutInPictures(), ...overlapping(), ...empty()];

    // mdBook puts the page into boxes that would scroll too, so each around the text counts.
    function wide() {
        const main = document.querySelector("main");
        const around = [];
        for (let e = main; e; e = e.parentElement) {
            around.push(e);
        }
        const tooWide = around.find((e) => e.scrollWidth > e.clientWidth + SLACK);
        if (!tooWide) {
            return [];
        }
        const edge = tooWide.getBoundingClientRect().left + tooWide.clientWidth;
        const over = [...main.querySelectorAll("*")].filter(
            (e) => visible(e) && e.getBoundingClientRect().right > edge + SLACK && !scrolls(e.parentElement, main),
        );
        const outermost = over.filter((e) => !over.includes(e.parentElement));
        const what = outermost.slice(0, 3).map(name).join(", ");
        return [`the page scrolls sideways, ${tooWide.scrollWidth} in ${tooWide.clientWidth} pixels: ${what}`];
    }

    // Does a box around this one, within `main`, scroll or cut what is too wide for it?
    function scrolls(element, main) {
        for (let e = element; e && e !== main; e = e.parentElement) {
            if (style(e).overflowX !== "visible") {
                return true;
            }
        }
        return false;
    }

    function cut() {
        return [...document.body.querySelectorAll("*")]
            .filter((e) => {
                const { overflowX, overflowY } = style(e);
                const hides = (overflow) => overflow === "hidden" || overflow === "clip";
                const x = hides(overflowX) && e.scrollWidth > e.clientWidth + SLACK;
                const y = hides(overflowY) && e.scrollHeight > e.clientHeight + SLACK;
                // A box of a pixel is a text for those who listen.
                return (x || y) && e.clientWidth > 2 && e.clientHeight > 2 && visible(e) && e.textContent.trim();
            })
            .map((e) => `cut off: ${name(e)}`);
    }

    function cutInPictures() {
        return [...document.querySelectorAll("main svg text")]
            .filter((text) => {
                const picture = text.ownerSVGElement;
                if (!visible(text) || style(picture).overflowX === "visible") {
                    return false;
                }
                const [inner, outer] = [text.getBoundingClientRect(), picture.getBoundingClientRect()];
                return (
                    inner.left < outer.left - SLACK ||
                    inner.right > outer.right + SLACK ||
                    inner.top < outer.top - SLACK ||
                    inner.bottom > outer.bottom + SLACK
                );
            })
            .map((text) => `cut off in a picture: ${name(text)}`);
    }

    function overlapping() {
        const boxes = textBoxes().sort((a, b) => a.top - b.top);
        const faults = [];
        let open = [];
        for (const box of boxes) {
            open = open.filter((other) => other.bottom > box.top + SLACK);
            for (const other of open) {
                const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
                if (across > SLACK && other.node !== box.node && faults.length < 20) {
                    faults.push(`"${words(other.node.data)}" and "${words(box.node.data)}" overlap: ${name(box.element)}`);
                }
            }
            open.push(box);
        }
        return faults;
    }

    // Where there is text to see: a box for each line of each text.
    function textBoxes() {
        const boxes = [];
        const range = document.createRange();
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node = texts.nextNode(); node; node = texts.nextNode()) {
            const element = node.parentElement;
            const folded = element.localName === "details" && !element.open;
            if (!node.data.trim() || folded || !visible(element)) {
                continue;
            }
            range.selectNodeContents(node);
            const window = shownWithin(element);
            for (const rect of range.getClientRects()) {
                // Letters do not fill the height of their line.
                const air = rect.height / 5;
                const left = Math.max(rect.left, window.left);
                const right = Math.min(rect.right, window.right);
                const top = Math.max(rect.top + air, window.top);
                const bottom = Math.min(rect.bottom - air, window.bottom);
                if (right - left > SLACK && bottom - top > SLACK) {
                    boxes.push({ node, element, left, right, top, bottom });
                }
            }
        }
        return boxes;
    }

    // What a box that scrolls does not show is not on top of anything.
    function shownWithin(element) {
        const all = { left: -Infinity, right: Infinity, top: -Infinity, bottom: Infinity };
        if (!element || element === document.body) {
            return all;
        }
        if (!shown.has(element)) {
            const outer = shownWithin(element.parentElement);
            const { overflowX, overflowY } = style(element);
            const rect = element.getBoundingClientRect();
            const x = overflowX !== "visible";
            const y = overflowY !== "visible";
            shown.set(element, {
                left: x ? Math.max(outer.left, rect.left) : outer.left,
                right: x ? Math.min(outer.right, rect.right) : outer.right,
                top: y ? Math.max(outer.top, rect.top) : outer.top,
                bottom: y ? Math.min(outer.bottom, rect.bottom) : outer.bottom,
            });
        }
        return shown.get(element);
    }

    function empty() {
        // Not what waits for words to be read aloud, nor the boxes of a picture made of a list.
        const blocks = document.querySelectorAll(
            "main :is(pre, figure, svg, table, details, img, p:not([aria-live]), li:not([aria-hidden=true] *))",
        );
        return [...blocks]
            .filter((e) => visible(e))
            .filter((e) => {
                const { width, height } = e.getBoundingClientRect();
                const picture = e.matches("svg, img") || e.querySelector("svg, img, canvas, input");
                const drawn = e.matches("svg") ? e.querySelector("path, rect, circle, line, polygon, use, text, image") : picture;
                return width < 2 || height < 2 || !(e.textContent.trim() || drawn);
            })
            .map((e) => `empty: ${name(e)}`);
    }
}
