using System.Text;

namespace SK.FasterVlm.Chat;

/// <summary>Collects segments; neighbouring ordinary markers become one, so that a prompt has as few pieces as its format allows.</summary>
sealed class PromptWriter
{
    readonly List<PromptSegment> _segments = [];
    readonly StringBuilder _marker = new();

    /// <summary>Structure that is ordinary text in every vocabulary of the format.</summary>
    public PromptWriter Plain(string marker)
    {
        _marker.Append(marker);
        return this;
    }

    /// <summary>Structure that is, or starts with, a special token: stays a segment of its own.</summary>
    public PromptWriter Special(string marker)
    {
        Flush();
        _segments.Add(PromptSegment.Marker(marker));
        return this;
    }

    /// <summary>What somebody said.</summary>
    public PromptWriter Text(string text)
    {
        if (text.Length == 0) return this;
        Flush();
        _segments.Add(PromptSegment.UserText(text));
        return this;
    }

    /// <summary>System text: the template's own sentence is structure, a caller's is not.</summary>
    public PromptWriter System(string system, bool isDefault) => isDefault ? Plain(system) : Text(system);

    /// <summary>A user's turn as LLaVA writes it: every image followed by a line break, then the text.</summary>
    public PromptWriter Content(in ChatTurn turn)
    {
        foreach (int image in turn.Images)
        {
            Flush();
            _segments.Add(PromptSegment.Image(image));
            Plain("\n");
        }
        return Said(turn);
    }

    /// <summary>What was said in a turn, with its structure, between texts that belong to it.</summary>
    public PromptWriter Said(in ChatTurn turn, string before = "", string after = "")
    {
        if (turn.Segments is null) return Text(before + turn.Text + after);
        Text(before);
        // Structure of calls is ordinary text in most vocabularies; the tokenizer finds out where it is not.
        foreach (PromptSegment segment in turn.Segments)
            _ = segment.Kind == PromptSegmentKind.Marker ? Special(segment.Text) : Text(segment.Text);
        return Text(after);
    }

    public IReadOnlyList<PromptSegment> ToSegments()
    {
        Flush();
        return _segments;
    }

    void Flush()
    {
        if (_marker.Length == 0) return;
        _segments.Add(PromptSegment.Marker(_marker.ToString()));
        _marker.Clear();
    }
}
