"""The spine: one record per pending authorization, and every legal move it can make.

``lifecycle`` moves a journey by one conditional UPDATE at a time: zero rows means that somebody was
first. ``steps`` says what comes next and signs the links between steps, each good for one journey,
one step and one turn. ``browser`` ties a journey to the browser that began it. ``pruning`` ends what
was abandoned and removes what is old.
"""
