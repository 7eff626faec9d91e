using System.Globalization;

namespace SK.FasterVlm.Gguf;

/// <summary>
/// A model in several files, as llama.cpp's <c>gguf-split</c> writes them: <c>NAME-00001-of-00003.gguf</c> and so on in one folder. The
/// first holds the metadata, each some of the tensors. The keys <c>split.no</c> (from 0), <c>split.count</c> and
/// <c>split.tensors.count</c> say what belongs together; llama.cpp finds the others by their names, so the names must be right too.
/// </summary>
static class GgufSplit
{
    const string NumberKey = "split.no", CountKey = "split.count", TensorsKey = "split.tensors.count";

    // Five digits in the name; a model of the largest size in parts of 2 GB has a few hundred.
    internal const int MaxParts = 1000;

    /// <summary>Reads a part's name: <c>PREFIX-00001-of-00003.gguf</c>.</summary>
    /// <param name="file">A file's name.</param>
    /// <param name="prefix">What all parts begin with.</param>
    /// <param name="number">Number of the part, from 0.</param>
    /// <param name="count">Number of parts.</param>
    internal static bool TryName(string file, out string prefix, out int number, out int count)
    {
        (prefix, number, count) = (file, 0, 1);
        int length = Suffix(0, 1).Length;
        if (file.Length <= length) return false;
        ReadOnlySpan<char> suffix = file.AsSpan(file.Length - length);
        if (suffix[0] != '-' || !suffix[6..10].SequenceEqual("-of-") || !suffix[15..].SequenceEqual(".gguf")
            || !int.TryParse(suffix[1..6], NumberStyles.None, CultureInfo.InvariantCulture, out int one)
            || !int.TryParse(suffix[10..15], NumberStyles.None, CultureInfo.InvariantCulture, out int all)) return false;
        (prefix, number, count) = (file[..^length], one - 1, all);
        return true;
    }

    /// <summary>Paths of the parts behind the first; none when the file is whole.</summary>
    /// <exception cref="ModelFormatException">Not the first part, or a part is missing or misnamed.</exception>
    internal static string[] Rest(string path, GgufMetadata keys)
    {
        int count = keys.FindUInt16(CountKey) ?? 1, number = keys.FindUInt16(NumberKey) ?? 0;
        if (count <= 1) return [];
        if (count > MaxParts) throw new ModelFormatException($"The file says it is one of {count} parts; at most {MaxParts} are read.", CountKey);
        string suffix = Suffix(number, count), name = Path.GetFileName(path);
        if (!name.EndsWith(suffix, StringComparison.Ordinal))
        {
            throw new ModelFormatException(
                $"This is part {number + 1} of {count} of a split model, whose name must end with '{suffix}' for the others to be found; "
                + "rename the parts as they were.", NumberKey);
        }
        string prefix = path[..^suffix.Length];
        if (number != 0)
        {
            throw new ModelFormatException(
                $"This is part {number + 1} of {count} of a split model; give the first, '{Printable.Escape(Path.GetFileName(prefix) + Suffix(0, count))}'.",
                NumberKey);
        }
        string[] rest = [.. Enumerable.Range(1, count - 1).Select(i => prefix + Suffix(i, count))];
        if (Array.FindIndex(rest, static part => !File.Exists(part)) is >= 0 and int missing)
        {
            throw new ModelFormatException(
                $"Part {missing + 2} of {count}, '{Printable.Escape(Path.GetFileName(rest[missing]))}', is missing; "
                + "all parts of a split model must lie in one folder.", CountKey);
        }
        return rest;
    }

    /// <summary>Checks that a further part is the one it is named as.</summary>
    internal static void CheckPart(GgufMetadata keys, int number, int count)
    {
        int itsNumber = keys.FindUInt16(NumberKey) ?? 0, itsCount = keys.FindUInt16(CountKey) ?? 1;
        if ((itsNumber, itsCount) != (number, count))
        {
            throw new ModelFormatException(
                $"The file is named as part {number + 1} of {count} but says it is part {itsNumber + 1} of {itsCount}.", NumberKey);
        }
    }

    /// <summary>Checks the number of tensors of all parts.</summary>
    internal static void CheckTensors(GgufMetadata first, int tensors)
    {
        if (first.FindInt32(TensorsKey) is { } claimed && claimed != tensors)
            throw new ModelFormatException($"The parts hold {tensors} tensors but the first says there are {claimed}.", TensorsKey);
    }

    /// <summary>What the name of a part ends in.</summary>
    internal static string Suffix(int number, int count) => string.Create(CultureInfo.InvariantCulture, $"-{number + 1:00000}-of-{count:00000}.gguf");
}
