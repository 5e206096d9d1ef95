// What a test found wrong. It looks at a whole page before it complains, and then tells all of it.
const AT_MOST = 15;

export class Faults extends Error {
    name = "Faults";
}

// Fails the test if something was found.
export function none(faults) {
    const once = [...new Set(faults)];
    if (once.length === 0) {
        return;
    }
    const more = once.length > AT_MOST ? [`… and ${once.length - AT_MOST} more`] : [];
    throw new Faults([...once.slice(0, AT_MOST), ...more].join("\n"));
}
