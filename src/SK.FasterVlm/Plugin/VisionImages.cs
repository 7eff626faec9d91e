using System.Buffers.Text;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Imaging;

namespace SK.FasterVlm;

/// <summary>From what a model calls an image to its bytes, within what the host allows.</summary>
sealed class VisionImages
{
    const int NamesShown = 20;

    readonly VisionPluginOptions _options;
    readonly FencedFolder? _folder;

    public VisionImages(VisionPluginOptions options)
    {
        _options = options;
        _folder = options.AllowedRoot is { } root ? new FencedFolder(root) : null;
    }

    /// <exception cref="VisionException">The image cannot be had; the message is for the calling model.</exception>
    public async Task<DataContent> FindAsync(string reference, CancellationToken cancellationToken)
    {
        if (string.IsNullOrWhiteSpace(reference)) throw new VisionException(VisionErrorCode.ArgumentInvalid, $"No image is named. {HowTo()}");
        ReadOnlyMemory<byte> bytes = reference.StartsWith("data:", StringComparison.OrdinalIgnoreCase)
            ? FromDataUri(reference)
            : await FindNamedAsync(reference, cancellationToken).ConfigureAwait(false);
        return new DataContent(bytes, Check(bytes).MediaType);
    }

    async Task<ReadOnlyMemory<byte>> FindNamedAsync(string name, CancellationToken cancellationToken)
    {
        if (_options.Images is { } registry && await registry.FindAsync(name, cancellationToken).ConfigureAwait(false) is { } registered) return registered;
        if (name.Contains("://", StringComparison.Ordinal))
            throw new VisionException(VisionErrorCode.ImageNotAllowed, $"Addresses are not fetched. {HowTo()}");
        if (_folder is null) throw NotFound(name);
        try
        {
            FileStream? file = _folder.Open(name);
            if (file is null) throw NotFound(name);
            await using (file.ConfigureAwait(false)) return await ReadAsync(file, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is UnauthorizedAccessException)
        {
            throw new VisionException(VisionErrorCode.ImageNotAllowed, $"The image {Quoted(name)} is outside of the folder of images. {HowTo()}", e);
        }
        catch (IOException e)
        {
            throw new VisionException(VisionErrorCode.ImageNotFound, $"The image {Quoted(name)} cannot be read. {HowTo()}", e);
        }
    }

    async Task<ReadOnlyMemory<byte>> ReadAsync(FileStream file, CancellationToken cancellationToken)
    {
        CheckBytes(file.Length);
        byte[] bytes = new byte[file.Length];
        int read = await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        return bytes.AsMemory(0, read);
    }

    ReadOnlyMemory<byte> FromDataUri(string uri)
    {
        if (!_options.AllowDataUris) throw new VisionException(VisionErrorCode.ImageNotAllowed, $"Data URIs are not allowed. {HowTo()}");
        int comma = uri.IndexOf(',', StringComparison.Ordinal);
        if (comma < 0 || !uri.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
            throw new VisionException(VisionErrorCode.ImageInvalid, "The data URI is not complete; it must read data:image/png;base64,... .");
        CheckBytes(Base64.GetMaxDecodedFromUtf8Length(uri.Length - comma - 1) - 2L); // before a byte is decoded; the padding is not known yet
        try
        {
            return Convert.FromBase64String(uri[(comma + 1)..]);
        }
        catch (FormatException e)
        {
            throw new VisionException(VisionErrorCode.ImageInvalid, "The data URI is not valid base64; give the whole image.", e);
        }
    }

    ImageHeader Check(ReadOnlyMemory<byte> bytes)
    {
        CheckBytes(bytes.Length);
        ImageHeader header;
        try
        {
            header = ImageHeader.Read(bytes.Span);
        }
        catch (ImageFormatException e)
        {
            throw new VisionException(VisionErrorCode.ImageInvalid, e.Message, e);
        }
        ImageLimits limits = _options.ImageLimits;
        if (header.Width > limits.MaxSide || header.Height > limits.MaxSide || (long)header.Width * header.Height > limits.MaxPixels)
            throw new VisionException(VisionErrorCode.ImageTooLarge,
                $"The image is {header.Width} x {header.Height} pixels; {limits.MaxSide} on a side and {limits.MaxPixels} in all are allowed. Use a smaller one.");
        return header;
    }

    void CheckBytes(long bytes)
    {
        if (bytes > _options.ImageLimits.MaxBytes)
            throw new VisionException(VisionErrorCode.ImageTooLarge, $"The image has {bytes} bytes and {_options.ImageLimits.MaxBytes} are allowed. Use a smaller one.");
    }

    VisionException NotFound(string name) => new(VisionErrorCode.ImageNotFound, $"There is no image {Quoted(name)}. {HowTo()}");

    /// <summary>How images may be given here.</summary>
    string HowTo()
    {
        List<string> ways = [];
        string[] names = [.. _options.Images?.Names.Take(NamesShown + 1) ?? []];
        if (names.Length > 0) ways.Add($"one of the names {string.Join(", ", names.Take(NamesShown))}{(names.Length > NamesShown ? ", ..." : "")}");
        if (_folder is not null) ways.Add("the path of a file in the folder of images");
        if (_options.AllowDataUris) ways.Add("a data: URI");
        return ways.Count > 0 ? $"Give {string.Join(" or ", ways)}." : "No images are available.";
    }

    // What a model writes may be long and need not be fit to print.
    static string Quoted(string name) =>
        $"\"{new string([.. name.Take(80).Select(static c => char.IsControl(c) ? ' ' : c)])}{(name.Length > 80 ? "..." : "")}\"";
}
