// Every page, as wide as a desk, a tablet and a phone, by day and by night.
import { settled } from "./rig/browser.mjs";
import { none } from "./rig/faults.mjs";
import { layout, shifts, unfold } from "./rig/layout.mjs";

const WIDTHS = [1440, 900, 390];
const HEIGHT = 1000;

export default (book) => [
    ["all-are-listed", () => none(book.faults())],
    ...book.chapters.map((name) => [name, (browser) => page(browser, name)]),
];

async function page(browser, name) {
    const file = `${name}.html`;
    const shot = (page, width, theme) => browser.shot(page, `${name.replaceAll("/", "-")}-${width}-${theme}`);
    const faults = [];
    for (const width of WIDTHS) {
        const theme = "light";
        const found = await browser.visit({ file, theme, width, height: HEIGHT }, async (page) => {
            const moved = await page.evaluate(shifts);
            const asLoaded = await page.evaluate(layout);
            await shot(page, width, theme);
            // What is folded away is read too.
            await page.evaluate(unfold);
            return [...moved, ...asLoaded, ...(await page.evaluate(layout))];
        });
        faults.push(...found);
    }
    // By night, a tablet's page is turned into a phone's. A desk's has the sidebar, and would keep it.
    const theme = "navy";
    for (const widths of [[1440], [900, 390]]) {
        const found = await browser.visit({ file, theme, width: widths[0], height: HEIGHT }, async (page) => {
            const faults = [];
            for (const width of widths) {
                await page.setViewportSize({ width, height: HEIGHT });
                await settled(page);
                await shot(page, width, theme);
                faults.push(...(await page.evaluate(layout)).map((what) => ({ what, seen: `${width} ${theme}` })));
            }
            return faults;
        });
        faults.push(...found);
    }
    none(faults);
}
