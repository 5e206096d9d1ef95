// Wrong: the limit itself is refused.
// Caught by: 05-server::tests::an_answer_that_the_kernel_would_not_take_is_caught
        match self {
            Body::Exactly(size) => len == size,
            Body::AtMost(size) => len < size,
            Body::NoAnswer => false,
        }
