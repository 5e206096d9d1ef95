// Wrong: the space is taken before all is asked, and lost when the name is refused.
// Caught by: 06-memfs::tests::a_link_that_is_refused_costs_nothing
        let node = self.node(id)?;
        if node.is_directory() {
            return Err(Errno::EPERM);
        }
        if node.nlink == 0 {
            return Err(Errno::ENOENT);
        }
        node.nlink.checked_add(1).ok_or(Errno::EMLINK)?;
        self.space.take(NAME)?;
        self.may_attach(parent, name)?;
        self.attach(parent, name, id)
