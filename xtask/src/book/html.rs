//! Text inside HTML.

/// The text with what HTML takes for its own replaced. Good for attributes too.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
