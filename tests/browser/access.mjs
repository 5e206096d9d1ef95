// Can everybody use the book? What axe-core finds serious or critical must not be there.
import { settled } from "./rig/browser.mjs";
import { none } from "./rig/faults.mjs";
import { unfold } from "./rig/layout.mjs";

export default (book) => book.chapters.map((name) => [name, (browser) => page(browser, `${name}.html`)]);

async function page(browser, file) {
    const byDay = await browser.visit({ file, theme: "light" }, async (page) => {
        await prepare(browser, page);
        const found = await page.evaluate(findings);
        // On a phone, boxes scroll that do not at a desk.
        await page.setViewportSize({ width: 390, height: 1000 });
        await settled(page);
        const narrow = await page.evaluate(findings, ["scrollable-region-focusable"]);
        return [...found, ...narrow.map((what) => ({ what, seen: "390 light" }))];
    });
    // By night, the colours are others.
    const byNight = await browser.visit({ file, theme: "navy" }, async (page) => {
        await prepare(browser, page);
        return page.evaluate(findings, ["color-contrast", "link-in-text-block"]);
    });
    none([...byDay, ...byNight]);
}

// Everything unfolded. But of the messages, which are all made alike, only the first few are left:
// axe-core looks at each byte of each, and a page may have more than a hundred.
async function prepare(browser, page) {
    await page.evaluate(unfold);
    await page.evaluate(() => [...document.querySelectorAll(".message")].slice(4).forEach((message) => message.remove()));
    await page.evaluate(browser.axe());
}

// Runs inside the page. Without `rules`: all that axe-core has.
async function findings(rules) {
    // Style sheets are not to be loaded again: from a file one may not.
    const options = { resultTypes: ["violations"], preload: false };
    const { violations } = await axe.run(rules ? { ...options, runOnly: rules } : options);
    return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, nodes }) =>
            nodes.map(({ target, html, any, all, none }) => {
                const why = [...any, ...all, ...none].map((check) => check.message).join("; ");
                return `${id}: ${target.join(" ")}: ${why}\n    ${html.slice(0, 160)}`;
            }),
        );
}
