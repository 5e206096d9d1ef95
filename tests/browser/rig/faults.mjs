// What a test found wrong. It looks at a whole page before it complains, and then tells all of it.
const AT_MOST = 15;

export class Faults extends Error {
    name = "Faults";
}

// Fails the test if something was found. A fault is a sentence, or one that is `seen` somewhere: the
// same on many visits is told once.
export function none(faults) {
    const visits = new Map();
    for (const fault of faults) {
        const { what, seen } = typeof fault === "string" ? { what: fault } : fault;
        visits.set(what, [...(visits.get(what) ?? []), ...(seen ? [seen] : [])]);
    }
    if (visits.size === 0) {
        return;
    }
    const lines = [...visits].map(([what, seen]) => (seen.length ? `${what} [${[...new Set(seen)].join(", ")}]` : what));
    const more = lines.length > AT_MOST ? [`… and ${lines.length - AT_MOST} more`] : [];
    throw new Faults([...lines.slice(0, AT_MOST), ...more].join("\n"));
}
