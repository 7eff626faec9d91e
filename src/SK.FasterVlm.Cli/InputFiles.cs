using Microsoft.Extensions.AI;

namespace SK.FasterVlm.Cli;

/// <summary>Reads what the user points at, with messages that name the path.</summary>
internal static class InputFiles
{
    /// <summary>Largest image file this program reads.</summary>
    public const long MaxImageBytes = 64_000_000;

    /// <summary>Checks that a path names a file.</summary>
    /// <exception cref="CliException">It does not.</exception>
    public static void RequireFile(string path)
    {
        if (Directory.Exists(path)) throw new CliException($"'{path}' is a directory; a file is needed.");
        if (!File.Exists(path)) throw new CliException($"No such file: '{path}'.");
    }

    /// <summary>Reads an image file, or standard input for <c>-</c>, without ever holding more than the limit.</summary>
    /// <exception cref="CliException">The file does not exist or is larger than <see cref="MaxImageBytes"/>.</exception>
    public static async Task<byte[]> ReadImageAsync(string path, Func<Stream> openInput, CancellationToken cancellationToken)
    {
        if (path != "-") RequireFile(path);
        await using Stream stream = path == "-" ? openInput() : File.OpenRead(path);
        using MemoryStream bytes = new();
        byte[] buffer = new byte[81_920];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (bytes.Length + read > MaxImageBytes)
                throw new CliException($"'{path}' is larger than {MaxImageBytes / 1_000_000} MB, the largest image file this program reads.");
            bytes.Write(buffer, 0, read);
        }

        return bytes.ToArray();
    }

    /// <summary>Image bytes as a part of a message. The decoder goes by what the bytes are, whatever this type or a file's name says.</summary>
    public static DataContent ToContent(byte[] image) => new(image, "image/*");
}
