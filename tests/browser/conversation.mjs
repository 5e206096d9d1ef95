// The figure of a conversation: a request and its reply light together, and a message opens.
import { none } from "./rig/faults.mjs";

const FILE = "04-hello.html";

export default () => [
    ["lights-by-mouse", (browser) => on(browser, (figure) => figure.locator("summary").first().hover())],
    ["lights-by-keyboard", (browser) => on(browser, (figure) => figure.locator("summary").first().focus())],
    ["opens-by-keyboard", opens],
];

// What `act` does to the first message lights it and its reply, and nothing else.
async function on(browser, act) {
    const faults = await browser.visit({ file: FILE }, async (page) => {
        const figure = page.locator("figure.conversation").first();
        const before = await numbers(figure);
        await act(figure);
        const after = await numbers(figure);
        const first = await figure.locator("[data-number]").first().getAttribute("data-number");
        return [
            ...(before.length > 0 ? [`lit before anything was done: ${before}`] : []),
            ...(`${after}` === `${[first, first]}` ? [] : [`lit are ${after}, and not ${first} twice`]),
        ];
    });
    none(faults);
}

function numbers(figure) {
    const lit = (rows) => rows.map((row) => row.dataset.number);
    return figure.locator(".is-paired").evaluateAll(lit);
}

async function opens(browser) {
    // Without scripts too: it is the browser's own.
    for (const script of [true, false]) {
        const faults = await browser.visit({ file: FILE, script }, async (page) => {
            const message = page.locator("figure.conversation details").first();
            const fields = message.locator("table").last();
            const before = await fields.isVisible();
            await message.locator("summary").focus();
            await page.keyboard.press("Enter");
            const after = await fields.isVisible();
            return before || !after ? [`its fields were visible: ${before}, then: ${after}`] : [];
        });
        none(faults);
    }
}
