// Every page, as wide as a desk, a tablet and a phone, by day and by night.
import { none } from "./rig/faults.mjs";
import { layout, shifts, unfold } from "./rig/layout.mjs";

const WIDTHS = [1440, 900, 390];
const THEMES = ["light", "navy"];

export default (book) => [
    ["all-are-listed", () => none(book.faults())],
    ...book.chapters.map((name) => [name, (browser) => page(browser, name)]),
];

async function page(browser, name) {
    const faults = [];
    for (const theme of THEMES) {
        for (const width of WIDTHS) {
            const file = `${name}.html`;
            const found = await browser.visit({ file, theme, width }, async (page) => {
                const moved = await page.evaluate(shifts);
                const asLoaded = await page.evaluate(layout);
                await browser.shot(page, `${name.replaceAll("/", "-")}-${width}-${theme}`);
                // What is folded away is read too.
                await page.evaluate(unfold);
                return [...moved, ...asLoaded, ...(await page.evaluate(layout))];
            });
            faults.push(...found);
        }
    }
    none(faults);
}
