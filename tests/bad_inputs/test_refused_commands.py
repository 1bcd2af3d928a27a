"""What is typed wrongly: about a hundred commands, one line each."""

from __future__ import annotations

from pathlib import Path

import pytest
from scene import make, refused_command

MAML = "train sinusoids --algorithm maml --steps 1 --meta-batch 1 --out new "
PROTO = "train digits --algorithm protonet --model mlp --steps 1 --meta-batch 1 --out new "
PHOTOS = "train photos --model mlp --steps 1 --size 8 --out new "
CHECK = "tasks check photos --size 8 "
TABLE = "train visits.csv --algorithm ridge --steps 1 --out new "
CLINIC = TABLE + "--task patient --target score "
EVALUATE = "evaluate sine --episodes 2 --baselines none "
ADAPT = "adapt sine --support good.npz --out new "

WORDS = "--steps --minutes --meta-batch --lr --clip --patience --validate-every --inner-lr --inner-steps"
NOT_NUMBERS = [(MAML + f"{option} many", option) for option in WORDS.split()]
TOO_SMALL = [(MAML + f"{o} -1", o[2:].replace("-", "_")) for o in WORDS.split()]
NOT_FINITE = [
    (MAML + f"{option} {value}", value)
    for option in ["--minutes", "--lr", "--clip", "--inner-lr", "--target"]
    for value in ("nan", "inf")
]

CASES = [
    *NOT_NUMBERS,
    *TOO_SMALL,
    *NOT_FINITE,
    # train: words, sizes, places
    (MAML + "--optimiser adma", "adma"),
    (MAML + "--schedule cosin", "cosin"),
    (MAML + "--seed x", "--seed"),
    (MAML + "--steps 1.5", "1.5"),
    (MAML + "--patience 0", "patience must be at least 1, got 0"),
    (MAML + "--patience 2 --validate-every 0", "validate_every is 0"),
    (MAML + "--ways 5", "--ways does not apply"),
    (MAML + "--shots 0", "shots must be at least 1, got 0"),
    (MAML + "--queries 0", "queries must be at least 1, got 0"),
    (MAML + "--shots five", "--shots must be a whole number or a range, got 'five'"),
    (MAML + "--shots 9-2", "'9-2'"),
    (MAML + "--train-shots 0", "shots must be at least 1, got 0"),
    (MAML + "--model mpl", "mlp"),
    (MAML + "--model nowhere:net", "nowhere"),
    (MAML + "--model my_things:nothing", "nothing"),
    (MAML + "--model my_things:word", "got str"),
    (MAML + "--model my_things:wide", "7"),
    (MAML + "--loss mes", "did you mean mse?"),
    (MAML + "--loss my_things:nothing", "nothing"),
    (MAML + "--through sideways", "sideways"),
    (MAML + "--through 'truncated(x)'", "truncated(x)"),
    (MAML + "--inner-optimiser adma", "adma"),
    (MAML + "--moves nothing.*", "nothing.*"),
    (MAML + "--transductive perhaps", "perhaps"),
    (MAML + "--distance cosine", "maml has no option --distance"),
    (MAML + "--inner-stepps 3", "did you mean --inner-steps?"),
    (MAML + "stray", "'stray'"),
    (MAML + "--out notes.txt", "notes.txt"),
    (MAML + "--out notes.txt/run", "notes.txt"),
    (MAML + "--out photos", "choose another --out"),
    (MAML + "--out sine", "already holds a run"),
    (MAML + "--out sine --resume", "resume with the same settings"),
    (MAML + "--out digits --resume", "resume with the same settings"),
    ("train sinusoids --algorithm mamll", "did you mean maml?"),
    ("train sinusoid", "did you mean sinusoids?"),
    ("train ./nowhere", "there is no file or folder './nowhere'"),
    ("train notes.txt", "a table needs --task"),
    ("train my_things:three", "three(rng) must return two arrays"),
    ("train my_things:one", "1"),
    ("train my_things:nothing", "nothing"),
    ("train sinusoids --algorithm protonet", "protonet"),
    (PROTO + "--ways 99", "99"),
    (PROTO + "--ways 1", "1"),
    (PROTO + "--shots 400", "400"),
    (PROTO + "--distance far", "far"),
    (PROTO + "--inner-lr 1", "protonet has no option --inner-lr"),
    (PROTO + "--size 0", "size"),
    # folders of images
    (PHOTOS + "--ways 40", "40"),
    (PHOTOS + "--shots 9", "9"),
    (PHOTOS + "--fit squash", "squash"),
    (PHOTOS + "--by colour", "colour"),
    (PHOTOS + "--grey maybe", "maybe"),
    (PHOTOS + "--size -3", "size"),
    (PHOTOS + "--splits nowhere.csv", "there is no file 'nowhere.csv'"),
    (PHOTOS + "--splits splits.csv", "trian"),
    (PHOTOS + "--splits notes.txt", "notes.txt"),
    ("train empty --out new", "empty"),
    ("train small --size 8 --out new", "class"),
    ("train torn --size 8 --out new", "can be read"),
    (CHECK + "--size big", "--size must be a whole number, got 'big'"),
    (CHECK + "--ways 3-2", "'3-2'"),
    (CHECK + "--siz 8", "did you mean --size?"),
    # tables
    (TABLE, "a table needs --task"),
    (TABLE + "--task patient", "--target"),
    (TABLE + "--task patiant --target score", "did you mean patient?"),
    (TABLE + "--task patient --target scor", "did you mean score?"),
    (TABLE + "--task patient --target patient", "patient"),
    (TABLE + "--task patient --target dose --kind regression", "dose"),
    (CLINIC + "--kind numbers", "numbers"),
    (CLINIC + "--shots 90", "lower --shots"),
    (CLINIC + "--shots 0", "shots of a table must be a whole number of at least 1, got 0"),
    (CLINIC + "--features aeg", "did you mean age?"),
    (CLINIC + "--drop aeg", "did you mean age?"),
    (CLINIC + "--drop age,dose,ill", "no"),
    (CLINIC + "--split nowhere.csv", "nowhere.csv"),
    (CLINIC + "--ways 2", "ways does not apply"),
    ("train headless.csv --task patient --target score --out new", "headless.csv"),
    ("train nothing.csv --task patient --target score --out new", "nothing.csv"),
    ("train single.csv --task patient --target score --out new", "lower --shots"),
    ("train one.csv --task patient --target score --out new", "task"),
    ("train ragged.csv --task patient --target score --out new", "ragged.csv"),
    ("train twice.csv --task patient --target score --out new", "age"),
    ("train bytes.csv --task patient --target score --out new", "bytes.csv"),
    ("train bad.parquet --task patient --target score --out new", "bad.parquet"),
    ("train nowhere.csv --task patient --target score --out new", "nowhere.csv"),
    # evaluate, compare, history
    ("evaluate nowhere", "'nowhere' is not a run folder"),
    ("evaluate photos", "'photos' is not a run folder"),
    (EVALUATE + "--episodes 0", "0"),
    (EVALUATE + "--episodes -5", "-5"),
    (EVALUATE + "--episodes all", "all"),
    (EVALUATE + "--split tset", "tset"),
    (EVALUATE + "--baselines some", "some"),
    (EVALUATE + "--shots 0", "shots must be at least 1, got 0"),
    (EVALUATE + "--ways 5", "--ways does not apply"),
    (EVALUATE + "--on digits", "sinusoids"),
    (EVALUATE + "--on nowhere", "nowhere"),
    (EVALUATE + "--inner-steps -1", "inner_steps"),
    (EVALUATE + "--distance x", "maml has no option --distance"),
    ("evaluate digits --episodes 2 --ways 99", "99"),
    ("evaluate clinic --episodes 2 --on headless.csv", "headless.csv"),
    ("evaluate clinic --episodes 2 --on single.csv", "shots"),
    ("compare sine nowhere", "'nowhere' is not a run folder"),
    ("compare sine digits", "protonet tells classes apart"),
    ("compare sine", "two"),
    ("compare sine sine --episodes 0", "0"),
    ("history nowhere", "'nowhere' is not a run folder"),
    # adapt and predict
    ("adapt nowhere --support good.npz --out new", "is not a run folder"),
    ("adapt sine --support nowhere.npz --out new", "nowhere.npz"),
    ("adapt sine --support nan.npz --out new", "NaN or infinity"),
    ("adapt sine --support text.npz --out new", "'a'"),
    ("adapt sine --support wide.npz --out new", "(8, 3)"),
    ("adapt sine --support long.npz --out new", "x has 8 rows, y has 9"),
    ("adapt sine --support only_x.npz --out new", "must hold an array 'y'"),
    ("adapt sine --support bad.npz --out new", "bad.npz"),
    ("adapt sine --support photos --out new", "is for classification"),
    ("adapt sine --support notes.txt --out new", "notes.txt"),
    ("adapt digits --support torn --out new", "cannot be read as an image"),
    ("adapt digits --support empty --out new", "holds no class folders"),
    ("adapt digits --support good.npz --out new", "label"),
    ("adapt clinic --support visits.csv --target aeg --out new", "aeg"),
    ("adapt clinic --support headless.csv --out new", "headless.csv"),
    (ADAPT + "--out notes.txt", "choose another --out"),
    (ADAPT + "--out photos", "choose another --out"),
    (ADAPT + "--orders 0", "orders must be a whole number"),
    (ADAPT + "--inner-lr -1", "inner_lr"),
    (ADAPT + "--nonsense 1", "--nonsense"),
    ("predict nowhere good.npz", "there is no file 'nowhere'"),
    ("predict notes.txt good.npz", "notes.txt"),
    ("predict task nowhere.npz", "nowhere.npz"),
    ("predict task wide.npz", "shaped like the support set's"),
    ("predict task objects.npy", "objects.npy"),
    ("predict task empty", "empty"),
    ("predict task notes.txt", "notes.txt"),
    ("predict task good.npz --run digits", "other weights"),
    ("predict task good.npz --run nowhere", "is not a run folder"),
    ("predict task good.npz --out photos", "photos"),
    ("predict task good.npz --out notes.txt/new", "notes.txt"),
    # lists and data
    ("algorithms mamll", "did you mean maml?"),
    ("tasks show glyph", "did you mean glyphs?"),
    ("tasks check nowhere", "nowhere"),
    ("tasks lsit", "lsit"),
    ("data fetch nothing", "nothing"),
    ("data verify nothing", "nothing"),
    ("trian sinusoids", "trian"),
    ("train", "TASKS"),
    ("predict", "ADAPTED"),
    ("demo --seed x", "--seed"),
    ("demo --out notes.txt/demo", "notes.txt"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("typed"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("line", "words"), CASES, ids=[line for line, _ in CASES])
def test_one_sentence_exit_2_and_nothing_written(
    line: str, words: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(place)
    refused_command(line, words, place)
