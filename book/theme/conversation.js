"use strict";

// A request and its reply light together. The number that they have in common is in the page already, and
// so is everything else of a conversation: without this script nothing is missing.
(() => {
    const light = (figure, number) => {
        for (const row of figure.querySelectorAll("[data-number]")) {
            row.classList.toggle("is-paired", row.dataset.number === number);
        }
    };

    for (const figure of document.querySelectorAll("figure.conversation")) {
        const numberOf = (target) => target.closest?.("[data-number]")?.dataset.number;
        for (const event of ["pointerover", "focusin"]) {
            figure.addEventListener(event, ({ target }) => light(figure, numberOf(target)));
        }
        for (const event of ["pointerleave", "focusout"]) {
            figure.addEventListener(event, () => light(figure, undefined));
        }
    }
})();
