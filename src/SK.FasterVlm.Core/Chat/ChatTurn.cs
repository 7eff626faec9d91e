namespace SK.FasterVlm.Chat;

/// <summary>Who speaks in a <see cref="ChatTurn"/>.</summary>
public enum ChatTurnRole
{
    /// <summary>The person (or program) that asks.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,
}

/// <summary>One turn of a conversation, ready for a <see cref="ChatTemplate"/>.</summary>
/// <param name="Role">Who speaks. Turns alternate; <see cref="PromptBuilder"/> joins neighbours of one role.</param>
/// <param name="Text">What was said, exactly as given; may be empty when there are images.</param>
/// <param name="Images">Indices of the turn's images. LLaVA was trained with the images of a turn before its text.</param>
public readonly record struct ChatTurn(ChatTurnRole Role, string Text, IReadOnlyList<int> Images)
{
    /// <summary>
    /// The turn in pieces, when it holds structure of its own (calls of functions and their results) beside what was said; null when
    /// <see cref="Text"/> is all.
    /// </summary>
    public IReadOnlyList<PromptSegment>? Segments { get; init; }

    /// <summary>A user's turn.</summary>
    public static ChatTurn User(string text, params int[] images) => new(ChatTurnRole.User, text, images);

    /// <summary>An earlier answer of the model.</summary>
    public static ChatTurn Assistant(string text) => new(ChatTurnRole.Assistant, text, []);
}
