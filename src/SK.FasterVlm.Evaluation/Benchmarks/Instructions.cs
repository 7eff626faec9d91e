namespace SK.FasterVlm.Evaluation.Benchmarks;

/// <summary>The instructions that LLaVA-1.5 puts behind a question (LLaVA, docs/Evaluation.md). Wording matters: the model was trained on it.</summary>
public static class Instructions
{
    /// <summary>POPE, MME, GQA, TextVQA, VQAv2, VizWiz.</summary>
    public const string ShortAnswer = "Answer the question using a single word or phrase.";

    /// <summary>VizWiz, before <see cref="ShortAnswer"/>.</summary>
    public const string Unanswerable = "When the provided information is insufficient, respond with 'Unanswerable'.";

    /// <summary>ScienceQA and MMBench.</summary>
    public const string OptionLetter = "Answer with the option's letter from the given choices directly.";

    /// <summary>MMBench in Chinese.</summary>
    public const string OptionLetterChinese = "请直接回答选项字母。";

    /// <summary>A question with <see cref="ShortAnswer"/> behind it.</summary>
    public static string AskShort(string question) => $"{question}\n{ShortAnswer}";
}
