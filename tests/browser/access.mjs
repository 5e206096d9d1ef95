// Can everybody use the book? What axe-core finds serious or critical must not be there.
import { none } from "./rig/faults.mjs";
import { unfold } from "./rig/layout.mjs";

// By night the colours are others, and on a phone boxes scroll that do not at a desk.
const LOOKS = [
    { theme: "light", width: 1440 },
    { theme: "navy", width: 1440, rules: ["color-contrast", "link-in-text-block"] },
    { theme: "light", width: 390, rules: ["scrollable-region-focusable", "aria-allowed-attr", "target-size"] },
];

export default (book) => book.chapters.map((name) => [name, (browser) => page(browser, `${name}.html`)]);

async function page(browser, file) {
    const faults = [];
    for (const { rules, ...look } of LOOKS) {
        const found = await browser.visit({ file, ...look }, async (page) => {
            await page.evaluate(unfold);
            await page.evaluate(browser.axe());
            return page.evaluate(findings, rules);
        });
        faults.push(...found);
    }
    none(faults);
}

// Runs inside the page. Without `rules`: all that axe-core has. Of the messages, which are all made
// alike, it looks at the first few: it needs half a second for each.
async function findings(rules) {
    // Style sheets are not to be loaded again: from a file one may not.
    const options = { resultTypes: ["violations"], preload: false };
    const exclude = [...document.querySelectorAll(".message")].slice(4);
    const where = exclude.length > 0 ? { include: document, exclude } : document;
    const { violations } = await axe.run(where, rules ? { ...options, runOnly: rules } : options);
    return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, nodes }) =>
            nodes.map(({ target, html, any, all, none }) => {
                const why = [...any, ...all, ...none].map((check) => check.message).join("; ");
                return `${id}: ${target.join(" ")}: ${why}\n    ${html.slice(0, 160)}`;
            }),
        );
}
