"""What the readers of posed images share.

``poses`` checks camera matrices and repairs what rounding and scales have done to them, ``file_names`` finds pictures
whatever machine their names come from, ``masks`` finds the masks beside them, ``background`` makes alpha
of a background of one colour.

Doors: ``poses.checked_pose``, ``poses.rigid_poses``, ``file_names.found_file``, ``masks.found_mask``,
``background.keyed``.
"""
