// The book on paper, and in a browser that runs no scripts: everything in it has a form that stands.
import { settled } from "./rig/browser.mjs";
import { none } from "./rig/faults.mjs";
import { layout } from "./rig/layout.mjs";

// A sheet of A4 between its margins, in the browser's pixels.
const PAPER = 718;

export default (book) => [
    ...book.chapters.map((name) => [`paper-${name}`, (browser) => paper(browser, `${name}.html`)]),
    ["paper-whole", (browser) => paper(browser, "print.html")],
    ...book.chapters.map((name) => [`no-script-${name}`, (browser) => noScript(browser, `${name}.html`)]),
];

// Printed by one who reads in a dark theme.
async function paper(browser, file) {
    none(
        await browser.visit({ file, theme: "navy", width: PAPER }, async (page) => {
            await page.emulateMedia({ media: "print" });
            await settled(page);
            const faults = [...(await page.evaluate(layout)), ...(await page.evaluate(stands))];
            return [...faults, ...(await page.evaluate(palePrint))];
        }),
    );
}

async function noScript(browser, file) {
    const faults = [];
    for (const width of [1440, 390]) {
        const found = await browser.visit({ file, width, script: false }, async (page) => {
            return [...(await page.evaluate(layout)), ...(await page.evaluate(stands))];
        });
        faults.push(...found);
    }
    none(faults);
}

// Runs inside the page: figures that are not there, and what only a script could make work.
function stands() {
    const name = (element) => `<${element.localName} class="${element.getAttribute("class") ?? ""}">`;
    const within = (selector) => [...document.querySelectorAll(`main ${selector}`)];
    const folded = (element) => element.parentElement.closest("details:not([open])");
    const hidden = within(":is(figure, svg, table, pre, img)")
        .filter((e) => !folded(e) && !e.checkVisibility({ visibilityProperty: true }))
        .map((e) => `not to be seen: ${name(e)}`);
    const idle = within(":is(button, input, select, textarea, [role=button], [role=slider])")
        .filter((e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
        .map((e) => `does nothing here: ${name(e)} "${e.textContent.trim()}"`);
    return [...hidden, ...idle];
}

// Runs inside the page: paper is white, and no browser prints a background unless it is told to.
function palePrint() {
    const bright = (channel) => (channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
    const pale = (element) => {
        const [r, g, b] = getComputedStyle(element).color.match(/[\d.]+/g).map((part) => bright(part / 255));
        return 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) < 3;
    };
    return [...document.querySelectorAll("main, main *")]
        .filter((e) => [...e.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()))
        .filter((e) => e.checkVisibility({ visibilityProperty: true }) && pale(e))
        .filter((e) => getComputedStyle(e).printColorAdjust !== "exact")
        .map((e) => `as light as paper: <${e.localName} class="${e.getAttribute("class") ?? ""}"> ${e.textContent.trim().slice(0, 40)}`);
}
