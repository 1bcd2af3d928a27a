"""The help of the commands in Chinese, paragraph by paragraph; what is not here stays English."""

from __future__ import annotations

from typing import Any

PANELS = {"option": "选项", "argument": "参数"}


def translate(command: Any) -> None:
    """Put the help of a command, of its parameters and of all commands below it into Chinese."""
    command.help, command.epilog = in_chinese(command.help), in_chinese(command.epilog)
    command.rich_help_panel = "命令"
    for parameter in command.params:
        parameter.help = in_chinese(getattr(parameter, "help", None))
        parameter.rich_help_panel = PANELS[parameter.param_type_name]
    for below in getattr(command, "commands", {}).values():
        translate(below)


def in_chinese(text: str | None) -> str | None:
    if text is None:
        return None
    return "\n\n".join(map(paragraph, text.split("\n\n")))


def paragraph(text: str) -> str:
    words = " ".join(text.split())
    if words.startswith("Example: "):
        return "示例：" + words.removeprefix("Example: ")
    return CHINESE.get(words, text)


CHINESE = {
    # commands
    "Meta-learning: models that adapt to a new task from a handful of examples.": "元学习：只凭少量样本即可适应新任务的模型。",
    "Messages follow the locale; --lang en or --lang zh anywhere overrides it.": "消息语言随系统区域设置；可在任意位置用 --lang en 或 --lang zh 指定。",
    "Learn from printed letters, then meet scripts never seen and real handwriting.": "从印刷字母中学习，再面对从未见过的文字和真实手写数字。",
    "Takes a few minutes on two cores and downloads nothing.": "两个核心上只需几分钟，无需下载任何内容。",
    "The learners, and the settings that each has.": "各学习器及其设置。",
    "Meta-train a learner on a family of tasks.": "在一族任务上元训练一个学习器。",
    "The algorithm's own settings are options as well (--inner-lr, --inner-steps ...); see: innerloop algorithms NAME. So are those of the tasks (--size, --splits; --task, --target).": "算法自身的设置也是选项（--inner-lr、--inner-steps 等），参见：innerloop algorithms NAME。任务的设置同样如此（--size、--splits；--task、--target）。",
    "Adapt to tasks never seen and be judged, beside the honest alternatives on the same tasks.": "适应从未见过的任务并接受评估，同时列出相同任务上的基线。",
    "Settings of the algorithm can be changed for the test (--inner-steps 10).": "评估时可更改算法的设置（--inner-steps 10）。",
    "Compare runs task by task, on the same episodes.": "在相同的任务上逐一比较多个运行。",
    "How a run went: loss, learning rate and validation by step.": "运行过程：各步的损失、学习率与验证结果。",
    "Learn one new task from its examples and keep it in a small file.": "从样本中学习一个新任务，并保存为一个小文件。",
    "Settings of the algorithm can be changed for the task (--inner-steps 10).": "可为该任务更改算法的设置（--inner-steps 10）。",
    "Teach intents by sentences, ask, correct: in any language, and go on another day.": "用句子教意图、提问、纠正：可用任何语言，日后可继续。",
    "A sentence asks; /teach INTENT: sentence | sentence teaches; /help tells the rest. What was taught is saved after every line. Lines may come from a file: innerloop chat RUN < lines.txt": "直接输入句子即提问；“/教 意图: 句子 | 句子”用于教学；/帮助 查看其余。每一行之后都会保存所教内容。也可从文件读入：innerloop chat RUN < lines.txt",
    "A run folder of sentences.": "读取句子的运行文件夹。",
    "What was taught; chat.jsonl in the run folder without it.": "所教内容的文件；不写则为运行文件夹中的 chat.jsonl。",
    "Answer new inputs of an adapted task.": "对已适应的任务回答新的输入。",
    "Families of tasks.": "任务族。",
    "The built-in families.": "内置的任务族。",
    "What a family holds: its splits, groups and the shape of an example.": "任务族的内容：划分、分组与样本的形状。",
    "What your data hold, what is wrong with them, and what was guessed, before any training.": "训练之前，说明您的数据包含什么、有什么问题，以及做了哪些猜测。",
    "Settings of the tasks are options as well: --size, --grey, --fit, --splits FILE, --by class of a folder; --task, --target, --split of a table; --text-column, --label-column, --task-column of sentences. Exit code 2 means that one cannot train yet.": "任务的设置也是选项：文件夹的 --size、--grey、--fit、--splits FILE、--by class；表格的 --task、--target、--split；句子文件的 --text-column、--label-column、--task-column。退出码 2 表示尚不能训练。",
    "Data sets on disk. INNERLOOP_DATA says where; the user's cache folder without it.": "磁盘上的数据集。位置由 INNERLOOP_DATA 指定，未设置时为用户缓存文件夹。",
    "The data sets, and which of them are here.": "各数据集，以及哪些已在本机。",
    "Download a data set from upstream, unless it is here, and verify it.": "若本机没有，则从上游下载数据集并校验。",
    "Draw a map of tasks never seen, and hold its groups against what is known of them.": "绘制从未见过的任务的地图，并将其分组与已知的族对照。",
    "Ask what a learner does with its examples: are their labels used, do repeated ones count?": "考察学习器如何使用样本：是否用到标签？重复样本是否有影响？",
    "Compare every image or table with what was published.": "将每张图像或每个表格与发布的内容核对。",
    "Measure how fast meta-training is here, beside other libraries.": "测量本机上元训练的速度，并与其他库并列比较。",
    "Gradients are checked in double precision first; who is wrong is not timed. The others come with pip install 'innerloop[peers]'. All parts take about an hour, with --quick a quarter of it.": "先以双精度核对梯度；梯度错误者不计时。其他库可用 pip install 'innerloop[peers]' 安装。全部约需一小时，加 --quick 约为四分之一。",
    # arguments and options
    "A built-in family (innerloop tasks list), a folder of images, a table, or a file of sentences.": "内置任务族（innerloop tasks list）、图像文件夹、表格或句子文件。",
    "A built-in family.": "内置任务族。",
    "A data set; see: innerloop data list.": "数据集；参见：innerloop data list。",
    "A folder of images, a table, or sentences.": "图像文件夹、表格或句子文件。",
    "A run folder.": "运行文件夹。",
    "Two run folders or more.": "两个或更多运行文件夹。",
    "One algorithm, for its settings.": "某个算法，以查看其设置。",
    "The learner; see: innerloop algorithms.": "学习器；参见：innerloop algorithms。",
    "Fit a temperature on meta-validation tasks, and write a reliability diagram (PNG) here.": "在元验证任务上拟合温度，并将可靠性图（PNG）写到此处。",
    "Also how often the right class is the first, among the first 5, the first 10 of all classes of the split.": "并给出正确类别在该划分全部类别中排第 1、前 5、前 10 的比例。",
    "Name so many of the task's examples that each input is most like.": "为每个输入列出这么多个最相似的任务样本。",
    "Leave an input unanswered whose best label is less probable: 0.7.": "最佳标签的概率低于此值时不作答：0.7。",
    "mlp, sentences, conv4, resnet6, or package.module:function.": "mlp、sentences、conv4、resnet6，或 package.module:function。",
    "mlp, reweighted, sentences, conv4, resnet6, resnet12, transformer, recurrent, or package.module:function.": "mlp、reweighted、sentences、conv4、resnet6、resnet12、transformer、recurrent，或 package.module:function。",
    "Classes of a task.": "每个任务的类别数。",
    "Classes of a task: 5, or 2-10.": "每个任务的类别数：5，或 2-10。",
    "Support examples per class or task.": "每类（或每个任务）的支持样本数。",
    "Support examples per class or task: 1, or 1-5.": "每类（或每个任务）的支持样本数：1，或 1-5。",
    "Query examples per class or task.": "每类（或每个任务）的查询样本数。",
    "Ways of training episodes.": "训练任务的类别数。",
    "Shots of training episodes.": "训练任务的支持样本数。",
    "Queries of training episodes.": "训练任务的查询样本数。",
    "Outer steps.": "外层步数。",
    "Stop after so many minutes.": "若干分钟后停止。",
    "Tasks per outer step.": "每个外层步的任务数。",
    "Outer learning rate.": "外层学习率。",
    "How the outer learning rate falls.": "外层学习率如何下降。",
    "Longest meta-gradient.": "元梯度的最大长度。",
    "Stop after so many validations without a better one.": "若干次验证没有进步后停止。",
    "Stop at this validation accuracy or MSE.": "验证准确率或 MSE 达到此值时停止。",
    "Stop at this validation accuracy or MSE; of a table: what to predict.": "验证准确率或 MSE 达到此值时停止；对表格则为要预测的列。",
    "Stop at this validation figure, also with a table.": "验证指标达到此值时停止，表格亦适用。",
    "Steps between validations.": "两次验证之间的步数。",
    "Where to compute: cpu, cuda, cuda:1, mps; cpu without it.": "在哪里计算：cpu、cuda、cuda:1、mps；默认 cpu。",
    "Processes that share the tasks of a step.": "分担每步任务的进程数。",
    "What a step may take: 4GB.": "每步可用的内存：4GB。",
    "Decides the weights drawn and the episodes.": "决定初始权重与抽取的任务。",
    "The run folder; runs/TASKS-ALGORITHM without it.": "运行文件夹；默认为 runs/TASKS-ALGORITHM。",
    "Go on where the folder stopped.": "从该文件夹停止之处继续。",
    "Print one JSON object on stdout.": "在标准输出上打印一个 JSON 对象。",
    "Other tasks than those it was trained on.": "换用与训练时不同的任务。",
    "Tasks; those of the first run without it.": "任务；默认为第一个运行的任务。",
    "How many new tasks.": "新任务的个数。",
    "How many new tasks; 600, or 20000 in environments, without it.": "新任务的个数；未指定时为 600，在环境中为 20000。",
    "all: also the network pretrained and fine-tuned (trained once, kept with the run).": "all：还包括预训练后微调的网络（只训练一次，随运行保存）。",
    "Also balanced accuracy, macro F1, AUROC; R² and absolute error of numbers. Without it they are shown where classes are uneven.": "另列平衡准确率、宏 F1、AUROC；数值任务列 R² 与绝对误差。默认仅在类别不均衡时显示。",
    "Draws of tasks on which groups are held against known families.": "用于将分组与已知族对照的任务抽取次数。",
    "What places a task: the learner; the same, guided by the families of meta-training tasks; or a set encoder trained for it.": "由什么来定位任务：学习器；由元训练任务的族引导的学习器；或为此训练的集合编码器。",
    "How points become a plane.": "如何将点投影到平面。",
    "How many groups; as many as fit best without it.": "分组数；默认为最合适的数目。",
    "Where map.png and map.html go; RUN/map without it.": "map.png 与 map.html 的保存位置；默认为 RUN/map。",
    "Let predict answer with sets or intervals that hold the truth so often: 0.9.": "让 predict 给出以此概率包含真值的集合或区间：0.9。",
    "Ask whether the task is like those of meta-training; takes seconds, once per run and number of examples.": "判断该任务是否与元训练的任务相似；每个运行与样本数只需一次，耗时数秒。",
    "Also the set or interval that holds the truth so often: 0.9.": "同时给出以此概率包含真值的集合或区间：0.9。",
    "How many lines, evenly spread.": "均匀选取的行数。",
    "Also write event files for TensorBoard.": "同时写出 TensorBoard 事件文件。",
    "Only these parts; see --list.": "只测这些部分；参见 --list。",
    "Beside these; all that are installed without it.": "与这些并列；默认为所有已安装的。",
    "Time of the rounds: 20, or 2 with --quick.": "各轮计时的总分钟数：20；加 --quick 时为 2。",
    "Fewer tasks and less time.": "更少的任务与时间。",
    "Use so many cores; all of them without it.": "使用的核心数；默认为全部。",
    "Where figures and picture go.": "数据与图片的保存位置。",
    "Show the parts and the contenders, and stop.": "列出各部分与参与者，然后结束。",
    "Where runs and picture go.": "运行与图片的保存位置。",
    "Show the version.": "显示版本。",
    "Folder of class folders, table (.csv, .parquet), or .npz with x and y.": "按类别分的文件夹、表格（.csv、.parquet），或含 x 与 y 的 .npz。",
    "The file for the adapted task.": "已适应任务的保存文件。",
    "The file that adapt wrote.": "adapt 写出的文件。",
    "Images, folders of them, tables, .npz or .npy with x.": "图像、图像文件夹、表格、含 x 的 .npz 或 .npy。",
    "The table's column of labels or targets.": "表格中标签或目标值所在的列。",
    "Take the learner along: the file needs no run.": "连同学习器一起保存：该文件不再需要运行文件夹。",
    "Keep the examples in the file, for updates.": "在文件中保留样本，以便更新。",
    "Adapt in so many orders of the classes, and average.": "按若干种类别顺序适应并取平均。",
    "The run folder, where it has moved elsewhere.": "运行文件夹（若已移动）。",
    "Write all answers to a CSV file.": "将全部答案写入 CSV 文件。",
    "A built-in family (innerloop tasks list), a folder of images, a table, a file of sentences, or environment:module:function.": "内置任务族（innerloop tasks list）、图像文件夹、表格、句子文件，或 environment:module:function。",
    "The folder of a run in environments.": "环境中运行的文件夹。",
    "A picture of its paths: .gif or .png.": "路径图：.gif 或 .png。",
    "Watch a policy in one new task: its first episode, and its last, when it has adapted.": "观看策略在一个新任务中的表现：第一回合，以及适应之后的最后一回合。",
}
