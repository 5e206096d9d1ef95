// Wrong: a stream that has something is answered, though the device has ended.
// Caught by: 11-splice-reply::path::tests::nobody_waits_for_a_stream_once_the_device_has_ended
        let mut polled = [
            PollFd::new(source.fd, PollFlags::POLLIN),
            PollFd::new(self.device.as_fd(), PollFlags::empty()),
        ];
        loop {
            match poll(&mut polled, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(_) => return Ok(polled[0].revents().is_some_and(|events| !events.is_empty())),
            }
        }
