namespace SK.FasterVlm.Chat;

/// <summary>What a <see cref="PromptSegment"/> is.</summary>
public enum PromptSegmentKind
{
    /// <summary>Template structure: tokenised with special tokens on.</summary>
    Marker,

    /// <summary>Text from a user, a tool or the model: tokenised with special tokens off, so it can never become structure.</summary>
    Text,

    /// <summary>An image: becomes visual tokens. It has no textual form.</summary>
    Image,
}

/// <summary>One piece of a prompt. A prompt is a list of these; a template never joins them into one string.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">The text of a marker or text segment; empty for an image.</param>
/// <param name="ImageIndex">Index into the request's images; -1 for text.</param>
public readonly record struct PromptSegment(PromptSegmentKind Kind, string Text, int ImageIndex)
{
    /// <summary>Template structure.</summary>
    public static PromptSegment Marker(string text) => new(PromptSegmentKind.Marker, text, -1);

    /// <summary>Untrusted text.</summary>
    public static PromptSegment UserText(string text) => new(PromptSegmentKind.Text, text, -1);

    /// <summary>The image with this index.</summary>
    public static PromptSegment Image(int index) => new(PromptSegmentKind.Image, "", index);
}
