// Wrong: an empty value fits into no room at all, so its size is answered by no bytes.
// Caught by: 05-server::tests::the_size_of_an_attribute_is_its_own_question
    match u32::try_from(bytes.len()) {
        Ok(size) if size <= room => Ok(Answer::from(bytes)),
        Ok(size) if room == 0 => Ok(Answer::of(&GetxattrOut { size, ..GetxattrOut::default() })),
        Ok(_) => Err(Errno::ERANGE),
        Err(_) => Err(Errno::E2BIG),
    }
