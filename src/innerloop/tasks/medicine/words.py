"""What stands on every output of these families."""

MEDICAL = ("phenopackets", "parkinsons", "heart")  # families that it stands on
RESEARCH = (
    "This is research software and no medical device: its answers are no diagnosis.",
    "本软件仅供研究，不是医疗器械：其答案不构成诊断。",
)
