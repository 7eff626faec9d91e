using SK.FasterVlm.Language;
using SK.FasterVlm.Models;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Chat;

/// <summary>
/// The format of a conversation a model was trained on. A template writes structure as markers and everything anybody said as text
/// segments; it never joins the two into one string, so that what a user types cannot become structure
/// (<see cref="PromptTokenizer"/>). In formats whose structure is ordinary text (<c>USER:</c>, <c>[INST]</c>) a user can still type
/// these very words: that is a limit of the format.
/// </summary>
/// <remarks>
/// Markers come in the pieces the model's tokenizer sees: a special token is a marker of its own. Images stand before the text of
/// their turn, each followed by a line break, as in LLaVA's training data.
/// </remarks>
public abstract class ChatTemplate
{
    static readonly ChatTemplate[] s_all =
        [new VicunaTemplate(), new MistralTemplate(), new ChatMlTemplate(), new Llama3Template(), new Phi3Template()];

    /// <summary>Short lower-case name for options and reports.</summary>
    public abstract string Name { get; }

    /// <summary>The system text used when a conversation brings none; null when the format then has no system part.</summary>
    public abstract string? DefaultSystem { get; }

    /// <summary>The names <see cref="ByName"/> knows: vicuna_v1, llava-1.6-mistral, chatml, llama-3, phi-3.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_all.Select(static t => t.Name)];

    /// <summary>Finds a template.</summary>
    /// <param name="name">One of <see cref="Names"/>, in any case.</param>
    /// <exception cref="ArgumentException">No template has that name; the message lists those there are.</exception>
    public static ChatTemplate ByName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Array.Find(s_all, t => string.Equals(t.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException(
                $"There is no chat template \"{name}\"; choose one of: {string.Join(", ", Names)}.", nameof(name));
    }

    /// <summary>
    /// The template of a model, by <see cref="ModelRecognition"/>. The Jinja source is only searched for the spellings of special
    /// tokens, never executed.
    /// </summary>
    /// <param name="model">The language model.</param>
    /// <param name="vision">The projector that belongs to it: tells BakLLaVA from LLaVA-1.6-Mistral, for example; null when unknown.</param>
    /// <exception cref="ModelFormatException">The file's template is of no supported format; the message says how to choose one.</exception>
    public static ChatTemplate ForModel(LanguageModelInfo model, VisionInfo? vision = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return ModelRecognition.Recognize(ModelFacts.Of(model, vision)).Template is { } name
            ? ByName(name)
            : throw new ModelFormatException(
                $"The chat template of \"{model.Name}\" is of no supported format; "
                + $"set FasterVlmOptions.ChatTemplate to one of: {string.Join(", ", Names)}.",
                "tokenizer.chat_template");
    }

    /// <summary>Writes a conversation as the prompt for the model's next answer. BOS is not part of it.</summary>
    /// <param name="system">The caller's system text; null takes <see cref="DefaultSystem"/>, empty leaves the system part out.</param>
    /// <param name="turns">At least one turn; roles alternate and the last is the user's.</param>
    /// <exception cref="ArgumentException">The turns break one of these rules.</exception>
    public IReadOnlyList<PromptSegment> Build(string? system, IReadOnlyList<ChatTurn> turns)
    {
        ArgumentNullException.ThrowIfNull(turns);
        if (turns.Count == 0 || turns[^1].Role != ChatTurnRole.User)
            throw new ArgumentException("The conversation must end with a user's message.", nameof(turns));
        for (int i = 1; i < turns.Count; i++)
        {
            if (turns[i].Role == turns[i - 1].Role)
                throw new ArgumentException("The roles of a conversation must alternate.", nameof(turns));
        }
        if (turns.Any(static t => t.Role == ChatTurnRole.Assistant && t.Images.Count > 0))
            throw new ArgumentException("Images belong to a user's messages.", nameof(turns));

        PromptWriter prompt = new();
        Write(prompt, system ?? DefaultSystem ?? "", isDefaultSystem: system is null, turns);
        return prompt.ToSegments();
    }

    /// <summary>Writes the conversation up to and including the opening of the model's next turn.</summary>
    /// <param name="prompt">Where to.</param>
    /// <param name="system">System text; empty for none.</param>
    /// <param name="isDefaultSystem">Whether <paramref name="system"/> is the template's own and so may be a marker.</param>
    /// <param name="turns">Checked turns.</param>
    private protected abstract void Write(PromptWriter prompt, string system, bool isDefaultSystem, IReadOnlyList<ChatTurn> turns);
}
