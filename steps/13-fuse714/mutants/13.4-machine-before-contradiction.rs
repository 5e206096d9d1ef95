// Wrong: the machine is checked before what contradicts itself on every machine.
// Caught by: 13-fuse714::serve::tests::always_starts_or_says_why_not
    let wanted = options.strategy;
    if options.splice == Splice::Never {
        return match wanted {
            None | Some(Strategy::Copy) => Ok((Strategy::Copy, Requests::Read)),
            Some(strategy) => Err(CannotSplice::Contradiction(strategy)),
        };
    }
    if options.splice == Splice::Always {
        here.check()?;
        if wanted == Some(Strategy::Copy) {
            return Err(CannotSplice::Contradiction(Strategy::Copy));
        }
    }
    if let Some(strategy) = wanted {
        here.check_strategy(strategy)?;
    }
    let requests = match here.splice {
        Ok(()) => options.requests,
        Err(_) => Requests::Read,
    };
    Ok((wanted.unwrap_or_else(|| here.best().0), requests))
