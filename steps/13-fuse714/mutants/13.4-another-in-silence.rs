// Wrong: a strategy that does not work here is replaced by the best, and nobody is told.
// Caught by: 13-fuse714::serve::tests::a_strategy_that_cannot_work_is_not_replaced_in_silence
    let wanted = options.strategy;
    if options.splice == Splice::Never {
        return match wanted {
            None | Some(Strategy::Copy) => Ok((Strategy::Copy, Requests::Read)),
            Some(strategy) => Err(CannotSplice::Contradiction(strategy)),
        };
    }
    if options.splice == Splice::Always {
        if wanted == Some(Strategy::Copy) {
            return Err(CannotSplice::Contradiction(Strategy::Copy));
        }
        here.check()?;
    }
    let wanted = wanted.filter(|strategy| here.check_strategy(*strategy).is_ok());
    let requests = match here.splice {
        Ok(()) => options.requests,
        Err(_) => Requests::Read,
    };
    Ok((wanted.unwrap_or_else(|| here.best().0), requests))
