// Wrong: a poll that reports nothing is taken for an ended connection. We then ask ourselves, and wait.
// Caught by: step01::a_client_waits_for_as_long_as_nobody_answers
        let Some(device) = self.device.upgrade() else { return false };
        let mut polled = [PollFd::new(device.as_fd(), PollFlags::empty())];
        let reported = poll(&mut polled, PollTimeout::ZERO).is_ok_and(|count| count > 0);
        reported && polled[0].revents().is_some_and(|events| !events.contains(PollFlags::POLLERR))
