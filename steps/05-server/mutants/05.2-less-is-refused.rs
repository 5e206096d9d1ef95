// Wrong: an answer shorter than a READ asks for is refused, and so each end of a file.
// Caught by: step05::a_panic_is_an_eio_and_the_session_lives_on
        match self {
            Body::Exactly(size) | Body::AtMost(size) => len == size,
            Body::NoAnswer => false,
        }
