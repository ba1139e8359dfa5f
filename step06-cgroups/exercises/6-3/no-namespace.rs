// wrong: a group alone hides nothing: the namespace does
// says: sees where its groups are in the host
        self.doors.iter_mut().try_for_each(|door| door.enter(explain))
