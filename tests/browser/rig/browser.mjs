// Debian's chromium, driven by playwright-core. One for all tests, with the network cut off.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

// A page that does not settle in this time hangs.
const PATIENCE = 60_000;

export class Browser {
    static async start({ modules, chromium, book, shots }) {
        const require = createRequire(join(modules, "package.json"));
        const browser = await require("playwright-core").chromium.launch({
            executablePath: chromium,
            timeout: PATIENCE,
            // In a container /dev/shm is small; and where no GPU is, drawing without is quicker than
            // drawing with one that is emulated.
            args: ["--disable-dev-shm-usage", "--disable-gpu", "--font-render-hinting=none"],
        });
        if (shots) {
            mkdirSync(shots, { recursive: true });
        }
        return new Browser(browser, require, book, shots);
    }

    constructor(browser, require, book, shots) {
        this.book = book;
        this.shots = shots;
        this.#require = require;
        this.#browser = browser;
        browser.on("disconnected", () => {
            if (!this.#closing) {
                console.error("\nthe browser tests have no verdict: chromium ended by itself");
                process.exit(2);
            }
        });
    }

    // Opens a file of the book, gives it to `look`, and closes it. Afterwards come the faults that
    // `look` returned, and what the page itself complained about.
    async visit({ file, theme = "light", width = 1440, height = 1000, script = true }, look) {
        // Of its own for each visit: pages of one context share a window, and one that is resized
        // while another has its picture taken leaves that with the wrong width.
        const context = await this.#context(theme, script);
        const page = await context.newPage();
        try {
            page.setDefaultTimeout(PATIENCE);
            const complaints = listen(page);
            await page.setViewportSize({ width, height });
            await page.goto(this.book.url(file), { waitUntil: "load" });
            // Where no scripts run, no frames and promises do: what is loaded is there.
            if (script) {
                await settled(page);
            }
            const faults = (await look(page)) ?? [];
            const seen = `${width} ${theme}`;
            return [...complaints, ...faults].map((fault) => (fault.seen ? fault : { what: fault, seen }));
        } finally {
            await context.close();
        }
    }

    // Keeps a picture of the whole page, if pictures are wanted. In chromium's own words, since
    // playwright does not know the quick way, which takes half the time.
    async shot(page, name) {
        if (!this.shots) {
            return;
        }
        const chromium = await page.context().newCDPSession(page);
        const { cssContentSize: size } = await chromium.send("Page.getLayoutMetrics");
        const { data } = await chromium.send("Page.captureScreenshot", {
            format: "png",
            optimizeForSpeed: true,
            captureBeyondViewport: true,
            clip: { x: 0, y: 0, width: size.width, height: size.height, scale: 1 },
        });
        await chromium.detach();
        writeFileSync(join(this.shots, `${name}.png`), Buffer.from(data, "base64"));
    }

    // The source of axe-core, to be run inside a page.
    axe() {
        return this.#require("axe-core").source;
    }

    async close() {
        this.#closing = true;
        await this.#browser.close();
    }

    async #context(theme, script) {
        const context = await this.#browser.newContext({ offline: true, javaScriptEnabled: script });
        await context.addInitScript((theme) => {
            localStorage.setItem("mdbook-theme", theme);
            // Of a page that is being read, nothing may move by itself.
            window.shifts = [];
            new PerformanceObserver((list) => window.shifts.push(...list.getEntries())).observe({
                type: "layout-shift",
                buffered: true,
            });
        }, theme);
        return context;
    }

    #browser;
    #closing = false;
    #require;
}

// What goes wrong on a page: its errors and warnings, and each request that fails or leaves the book.
function listen(page) {
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(`an exception: ${error.message}`));
    page.on("console", (message) => {
        if (["error", "warning", "assert"].includes(message.type())) {
            complaints.push(`on the console: ${message.text()}`);
        }
    });
    page.on("request", (request) => {
        if (!/^(file|data|blob):/.test(request.url())) {
            complaints.push(`a request to the network: ${request.url()}`);
        }
    });
    page.on("requestfailed", (request) => {
        complaints.push(`a request failed: ${request.url()} (${request.failure()?.errorText})`);
    });
    return complaints;
}

// Waits until the page has its fonts, and has drawn what its scripts made.
export async function settled(page) {
    await page.evaluate(async () => {
        await document.fonts.ready;
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        await new Promise((done) => requestIdleCallback(done, { timeout: 5000 }));
    });
}
