using SK.FasterVlm.Evaluation.Formats;

namespace SK.FasterVlm.Evaluation.Running;

/// <summary>Finds the bytes of a question's image.</summary>
sealed class ImageSource(string? folder)
{
    // Far above every benchmark's images; keeps a wrong path from filling the memory.
    const long MaxBytes = 256L << 20;

    // Without the separator that a shell's completion leaves behind; paths inside begin with root and separator.
    readonly string? _root = folder is null ? null : Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));

    /// <summary>Fails before the first question when the folder cannot serve the questions.</summary>
    internal void Check(IEnumerable<EvaluationQuestion> questions)
    {
        if (!questions.Any(static q => q.Image is not null)) return;
        if (_root is null) throw new EvaluationException("The questions name image files: say in which folder they are.");
        if (!Directory.Exists(_root)) throw new EvaluationException($"The image folder {_root} does not exist.");
    }

    /// <summary>Reads the image.</summary>
    /// <exception cref="ImageFormatException">The file is missing, unreadable, too large, or outside the folder.</exception>
    internal async Task<ReadOnlyMemory<byte>> ReadAsync(EvaluationQuestion question, CancellationToken cancellationToken)
    {
        if (question.Image is null) return question.ImageBytes;
        string path = Path.GetFullPath(Path.Combine(_root!, question.Image));
        // Question files come from the network; they may name images, not read other files.
        string inside = Path.EndsInDirectorySeparator(_root!) ? _root! : _root! + Path.DirectorySeparatorChar;
        if (!path.StartsWith(inside, StringComparison.Ordinal))
            throw new ImageFormatException($"{question.Image} lies outside the image folder.");
        try
        {
            if (new FileInfo(path).Length > MaxBytes) throw new ImageFormatException($"{question.Image} is larger than {MaxBytes >> 20} MB.");
            return await File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageFormatException(e is FileNotFoundException or DirectoryNotFoundException ? $"{question.Image} is not in the image folder." : e.Message, e);
        }
    }
}
