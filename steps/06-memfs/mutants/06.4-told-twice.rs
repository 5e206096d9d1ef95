// Wrong: the lookup count goes up here, and once more when the kernel is told.
// Caught by: 06-memfs::tests::a_link_is_one_reference_more
        let node = self.node(id)?;
        if node.is_directory() {
            return Err(Errno::EPERM);
        }
        if node.nlink == 0 {
            return Err(Errno::ENOENT);
        }
        node.nlink.checked_add(1).ok_or(Errno::EMLINK)?;
        self.may_attach(parent, name)?;
        self.space.take(NAME)?;
        self.attach(parent, name, id)?;
        self.told(id)?;
        Ok(())
