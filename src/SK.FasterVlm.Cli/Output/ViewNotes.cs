using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Cli.Output;

/// <summary>
/// One line on stderr that says which view is being encoded, for pictures of several: LLaVA-NeXT's take five times as long. Gone when
/// the answer begins; nothing when nobody watches.
/// </summary>
internal sealed class ViewNotes(Terminal terminal) : IProgress<ImageProgress>
{
    int _length;

    /// <inheritdoc/>
    public void Report(ImageProgress value)
    {
        if (!terminal.ShowsProgress || value.Views < 2) return;
        string image = value.Images > 1 ? Format.Invariant($" of image {value.Image + 1}") : "";
        string note = Format.Invariant($"Encoded {value.View} of {value.Views} views{image}");
        terminal.Error.Write($"\r{note.PadRight(_length)}");
        _length = Math.Max(_length, note.Length);
    }

    /// <summary>Takes the line away.</summary>
    public void Clear()
    {
        if (_length == 0) return;
        terminal.Error.Write($"\r{new string(' ', _length)}\r");
        _length = 0;
    }
}
