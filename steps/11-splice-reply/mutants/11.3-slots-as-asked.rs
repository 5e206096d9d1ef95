// Wrong: a lane has the slots that were asked for, not those that the pipe has got.
// Caught by: 11-splice-reply::lanes::tests::a_lane_is_used_again
        if let Some(lane) = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(lane);
        }
        Ok(Lane { pipe: new_pipe(self.room)?, slot: Slot::new()?, slots: self.room / PAGE })
