using System.Text.Json;
using Microsoft.Extensions.AI;

namespace SK.FasterVlm.Chat.Tools;

/// <summary>
/// Takes an answer apart while it is generated: text is passed on except what may become the start of a call; a call is passed on when
/// it is whole. Where the answer is calls or JSON, calls begin it or there are none: JSON may hold any text. Not thread-safe; one per
/// answer.
/// </summary>
/// <param name="form">The form of the answer.</param>
sealed class AnswerReader(AnswerForm form)
{
    string _pending = "";
    bool _inCalls;
    bool _isText = form.Tools.Count == 0;

    /// <summary>Calls read so far.</summary>
    public int Calls { get; private set; }

    /// <summary>The contents of a whole answer; neighbouring texts are one.</summary>
    public IReadOnlyList<AIContent> Read(string answer)
    {
        List<AIContent> contents = [];
        foreach (AIContent content in Push(answer).Concat(Finish()))
        {
            if (content is TextContent text && contents is [.., TextContent before]) before.Text += text.Text;
            else contents.Add(content);
        }
        return contents;
    }

    /// <summary>Takes a piece and returns what is whole.</summary>
    public IReadOnlyList<AIContent> Push(string piece)
    {
        _pending += piece;
        List<AIContent> contents = [];
        if (!_inCalls && !_isText && form.CallsComeFirst) Decide();
        if (_isText) return Finish();
        if (!_inCalls && !form.CallsComeFirst)
        {
            string start = form.Format.CallStart;
            int at = _pending.IndexOf(start, StringComparison.Ordinal);
            int end = at >= 0 ? at : _pending.Length - Held(start);
            if (end > 0) contents.Add(new TextContent(_pending[..end]));
            _pending = at >= 0 ? _pending[(at + start.Length)..] : _pending[end..];
            _inCalls = at >= 0;
        }
        while (_inCalls && ReadCall() is { } call) contents.Add(call);
        return contents;
    }

    /// <summary>Whether the answer begins with a call, once enough of it is there.</summary>
    void Decide()
    {
        string start = form.Format.CallStart;
        string begun = _pending.StartsWith(' ') && !start.StartsWith(' ') ? _pending[1..] : _pending; // the grammar lets one space stand there
        _inCalls = begun.StartsWith(start, StringComparison.Ordinal);
        _isText = !_inCalls && !start.StartsWith(begun, StringComparison.Ordinal);
        if (_inCalls) _pending = begun[start.Length..];
    }

    /// <summary>
    /// Ends the answer and returns text that was held back. A call that is not whole, because the answer ended at its token limit or at
    /// a stop text, is dropped: a part of a call is never passed on.
    /// </summary>
    public IReadOnlyList<AIContent> Finish()
    {
        string rest = _pending;
        _pending = "";
        return !_inCalls && rest.Length > 0 ? [new TextContent(rest)] : [];
    }

    /// <summary>Characters at the end that may be the beginning of a call's start.</summary>
    int Held(string start)
    {
        for (int length = Math.Min(start.Length - 1, _pending.Length); length > 0; length--)
            if (_pending.AsSpan(_pending.Length - length).SequenceEqual(start.AsSpan(0, length))) return length;
        return 0;
    }

    FunctionCallContent? ReadCall()
    {
        string next = form.Format.BetweenCalls + form.Format.CallStart;
        if (Calls > 0 && !_pending.StartsWith(next, StringComparison.Ordinal)) return null;
        string text = Calls > 0 ? _pending[next.Length..] : _pending;
        foreach (ToolDescription tool in form.Tools)
        {
            (string before, string after) = form.Format.Frame(tool.Name);
            if (!text.StartsWith(before, StringComparison.Ordinal)) continue;
            int end = JsonText.ObjectEnd(text, before.Length);
            if (end < 0 || !text.AsSpan(end).StartsWith(after, StringComparison.Ordinal)) continue;
            _pending = text[(end + after.Length)..];
            return Content(new ToolCall(tool.Name, text[before.Length..end]));
        }
        return null;
    }

    FunctionCallContent Content(ToolCall call)
    {
        using JsonDocument arguments = JsonDocument.Parse(call.Arguments);
        Dictionary<string, object?> values = [];
        foreach (JsonProperty argument in arguments.RootElement.EnumerateObject())
            values[argument.Name] = argument.Value.Clone();
        return new FunctionCallContent($"call_{Guid.NewGuid():N}", call.Name, values)
        {
            RawRepresentation = call,
            AdditionalProperties = new() { [FasterVlmChatClient.CallIndexKey] = Calls++ },
        };
    }
}

/// <summary>JSON inside other text.</summary>
static class JsonText
{
    /// <summary>Where an object that begins here ends (index behind its brace); -1 when it does not end yet.</summary>
    public static int ObjectEnd(string text, int start)
    {
        int depth = 0;
        bool quoted = false;
        for (int i = start; i < text.Length; i++)
        {
            char c = text[i];
            if (quoted)
            {
                if (c == '\\') i++;
                else if (c == '"') quoted = false;
            }
            else if (c == '"') quoted = true;
            else if (c is '{' or '[') depth++;
            else if (c is '}' or ']' && --depth == 0) return i + 1;
        }
        return -1;
    }
}
