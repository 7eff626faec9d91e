using System.Text.Unicode;

namespace SK.FasterVlm.Gguf;

/// <summary>Tells a GGUF file from what people give by mistake.</summary>
static class FileKind
{
    /// <summary>Checks the first bytes.</summary>
    /// <exception cref="ModelFormatException">Not a GGUF file; the message says what it looks like.</exception>
    internal static void RequireGguf(ByteSource source)
    {
        Span<byte> start = stackalloc byte[64];
        int got = 0;
        for (int more; got < start.Length && (more = source.Read(start[got..], got)) > 0; got += more) { }
        start = start[..got];
        if (start.StartsWith("GGUF"u8)) return;
        throw new ModelFormatException($"Not a GGUF file: it {Guess(start)}.", "magic");
    }

    static string Guess(ReadOnlySpan<byte> start)
    {
        if (start.IsEmpty) return "is empty";
        if ("GGUF"u8.StartsWith(start)) return $"ends after {start.Length} bytes";
        if (start.StartsWith("FUGG"u8)) return "looks like a big-endian GGUF file, which is not supported";
        if (start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])) return "looks like a JPEG image";
        if (start.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47])) return "looks like a PNG image";
        if (start.StartsWith("GIF8"u8)) return "looks like a GIF image";
        if (start.StartsWith("RIFF"u8)) return "looks like a WebP image or other RIFF file";
        if (start.StartsWith("PK"u8)) return "looks like a ZIP archive (or a PyTorch checkpoint); convert it with llama.cpp's tools";
        if (start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B])) return "looks like a gzip archive; unpack it first";
        if (start.StartsWith("%PDF"u8)) return "looks like a PDF document";
        if (start.StartsWith("version https://git-lfs"u8)) return "is a Git LFS pointer; fetch the file itself with 'git lfs pull'";
        if (start.StartsWith("tjgg"u8) || start.StartsWith("fmgg"u8) || start.StartsWith("lmgg"u8))
            return "is a GGML file from before GGUF; convert it with llama.cpp's tools";
        // safetensors: 8 bytes of length, then JSON.
        if (start.Length > 9 && start[8] == (byte)'{' && start[7] == 0)
            return "looks like a safetensors file; convert it with llama.cpp's tools";
        if (start.TrimStart(" \t\r\n"u8).StartsWith("<"u8)) return "looks like an HTML or XML page (a failed download?)";
        return LooksLikeText(start) ? "looks like text" : "has another format";
    }

    static bool LooksLikeText(ReadOnlySpan<byte> start)
    {
        foreach (byte b in start)
        {
            if (b < 0x20 && b is not ((byte)'\t' or (byte)'\r' or (byte)'\n')) return false;
        }
        // The window may cut a character; its first bytes up to three are then no evidence against text.
        for (int cut = 0; cut <= Math.Min(3, start.Length); cut++)
        {
            if (Utf8.IsValid(start[..^cut])) return true;
        }
        return false;
    }
}
