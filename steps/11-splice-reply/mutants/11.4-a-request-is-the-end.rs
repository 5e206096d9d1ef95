// Wrong: the device is polled for requests, and each passes for its end.
// Caught by: 11-splice-reply::path::tests::a_stream_is_waited_for_until_it_has_something_or_its_end
        let mut polled = [
            PollFd::new(source.fd, PollFlags::POLLIN),
            PollFd::new(self.device.as_fd(), PollFlags::POLLIN),
        ];
        loop {
            match poll(&mut polled, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(_) => return Ok(polled[1].revents().is_none_or(|events| events.is_empty())),
            }
        }
