namespace SK.FasterVlm.Core.Tests.Fakes;

/// <summary>A whole model of scripted parts.</summary>
sealed class FakeModel : IAsyncDisposable
{
    public FakeModel(FasterVlmOptions? options = null, params string[] answers)
    {
        Language = new ScriptedLanguageModel(answers.Length > 0 ? answers : [" An answer."]);
        Model = new FasterVlmModel(Language, Vision, options ?? new FasterVlmOptions());
    }

    public ScriptedLanguageModel Language { get; }

    public FakeVisionEncoder Vision { get; } = new();

    public FasterVlmModel Model { get; }

    /// <summary>The last evaluated prompt as text; special tokens and images are left out.</summary>
    public string LastPrompt => System.Text.Encoding.UTF8.GetString(
        [.. Language.Prompts[^1].Where(static r => r[0] != 'e').Select(int.Parse).Where(static id => id >= ScriptedLanguageModel.FirstByte)
            .Select(static id => (byte)(id - ScriptedLanguageModel.FirstByte))]);

    public ValueTask DisposeAsync() => Model.DisposeAsync();
}
