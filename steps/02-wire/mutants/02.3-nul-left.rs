// Wrong: the NUL is left for whoever reads next, and a second name is empty.
// Caught by: 02-wire::round_trip::each_operation_round_trips
        let Some(len) = self.left().iter().position(|&byte| byte == 0) else {
            return Err(self.fault(Problem::Unterminated { what }));
        };
        let bytes = self.take(what, len, &[])?;
        Ok(OsStr::from_bytes(bytes))
