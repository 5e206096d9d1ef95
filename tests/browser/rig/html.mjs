// Just enough of HTML to find what a file refers to. mdBook writes every < of a text as &lt;.

// The elements of a page, in their order. Scripts and comments have none.
export function* elements(html) {
    const text = html
        .replace(/<!--.*?-->/gs, "")
        .replace(/(<(script|style)\b[^>]*>).*?<\/\2>/gs, "$1");
    for (const [, tag, inside] of text.matchAll(/<([a-zA-Z][\w-]*)((?:\s+[^\s=>"'/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']+))?)*)\s*\/?>/g)) {
        const attributes = new Map();
        for (const [, name, double, single, bare] of inside.matchAll(/([^\s=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S+)))?/g)) {
            attributes.set(name, decoded(double ?? single ?? bare ?? ""));
        }
        yield { tag: tag.toLowerCase(), attributes };
    }
}

const BY_URL = ["href", "xlink:href", "src", "data", "poster"];
const BY_ID = ["for", "aria-controls", "aria-labelledby", "aria-describedby", "aria-details", "aria-owns"];

// What the elements of a page refer to: files, and ids of other elements, as `#id`.
export function* references(html) {
    for (const { tag, attributes } of elements(html)) {
        // mdBook's <base> and <link rel="preconnect"> and the like name no file.
        for (const [attribute, value] of attributes) {
            if (BY_URL.includes(attribute)) {
                yield { tag, attribute, to: value };
            } else if (BY_ID.includes(attribute)) {
                for (const id of value.split(/\s+/).filter(Boolean)) {
                    yield { tag, attribute, to: `#${id}` };
                }
            } else {
                for (const [, id] of value.matchAll(/url\(["']?#([^"')]+)/g)) {
                    yield { tag, attribute, to: `#${id}` };
                }
            }
        }
    }
}

function decoded(text) {
    const NAMED = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", "#39": "'", "#x27": "'" };
    return text.replace(/&([a-z]+|#\w+);/g, (all, name) => NAMED[name] ?? all);
}
