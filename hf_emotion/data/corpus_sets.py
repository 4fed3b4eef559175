"""Named sets of corpora, as papers use them. Which corpora a set has, its members say (`Corpus.sets`)."""

# Name: what it is, how many members it has, and where the membership comes from.
CORPUS_SETS: dict[str, str] = {
    "emoset": "EmoSet, 26 corpora: the 25 task names in the code of EmoNet (Gerczuk et al., IEEE Trans. Affective "
    "Computing 14(2), 2023) plus IEMOCAP",
    "emoset_plus_5": "EmoSet + 5, 31 corpora, 83.7 % of EmoSet++ (ExHuBERT, supplement). The five are not published; "
    "these are one choice that gives 83.7 % of the 150,907 utterances, and so do others",
    "emoset_plus_plus": "EmoSet++, 37 corpora: the list on the ExHuBERT model card (Amiriparian et al., Interspeech "
    "2024)",
    "exhubert_unseen": "the 6 corpora that ExHuBERT is transferred to (Table 2)",
    "emo_superb": "the 6 corpora of EMO-SUPERB (Wu, Chou et al., IEEE SLT 2024)",
    "lora_paper": "the 4 corpora of the comparison of full fine-tuning and LoRA: CREMA-D, RAVDESS, SAVEE, TESS",
    "emobox": "the 32 corpora of EmoBox (Ma et al., Interspeech 2024)",
}
