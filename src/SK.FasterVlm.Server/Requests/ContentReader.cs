using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Server.Media;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Requests;

/// <summary>
/// Reads the texts and images of one request, counting them against the limits. Images that are to be fetched are left as gaps,
/// which <see cref="FetchAsync"/> fills once the whole request is known to be good.
/// </summary>
/// <param name="options">Limits.</param>
/// <param name="model">Whose limits count too.</param>
sealed class ContentReader(FasterVlmServerOptions options, ServedModel model)
{
    readonly int _maxImages = model.Options.MaxImages;
    readonly ImageLimits _imageLimits = model.Options.ImageLimits;
    readonly List<(List<AIContent> Contents, int Index, string Address, string Path)> _gaps = [];
    int _textLength;
    int _images;
    ImageDetail? _detail;

    /// <summary>The limits of the request.</summary>
    public FasterVlmServerOptions Options => options;

    /// <summary>
    /// What the details of the images ask for. A request has one budget for all of its images: that of the image that wants most. Null without
    /// images, or where it is left to the model, whose own budget counts as what <c>auto</c> asks for.
    /// </summary>
    public VisualTokenBudget? Budget => _detail is { } detail ? options.BudgetOf(detail) : null;

    /// <summary>A text.</summary>
    public string Text(JsonElement value, string path)
    {
        string text = JsonFields.Text(value, path, options.MaxTextLength);
        _textLength += text.Length;
        return _textLength <= options.MaxTextLength ? text : throw ApiErrors.Bad(
            $"The texts of the request are longer than {options.MaxTextLength} characters together.", path, "string_above_max_length");
    }

    /// <summary>Adds an image.</summary>
    /// <param name="contents">Where it goes.</param>
    /// <param name="url">A <c>data:</c> URI or an address.</param>
    /// <param name="path">Path of <paramref name="url"/>.</param>
    /// <param name="detail"><c>low</c>, <c>high</c>, <c>auto</c> or null.</param>
    public void Image(List<AIContent> contents, JsonElement url, string path, string? detail)
    {
        if (url.ValueKind != JsonValueKind.String) throw ApiErrors.Type(path, "a string", JsonFields.Kind(url));
        if (++_images > _maxImages)
            throw ApiErrors.Bad($"The request has more than {_maxImages} images.", path, "too_many_images");
        ImageDetail wanted = ImageDetails.Parse(detail ?? "auto", path);
        _detail = _detail is { } most && model.SizeOf(most) >= model.SizeOf(wanted) ? most : wanted;

        ReadOnlySpan<byte> text = DataUri.Utf8(url, path);
        if (DataUri.Is(text))
        {
            contents.Add(Checked(DataUri.Decode(text, path, _imageLimits.MaxBytes), path));
            return;
        }
        _gaps.Add((contents, contents.Count, JsonFields.Text(url, path), path));
        contents.Add(new PendingImage());
    }

    /// <summary>Fetches the images that were given as addresses. The first that fails ends the others.</summary>
    /// <param name="images">Fetches one.</param>
    /// <param name="place">Told how many bytes they take.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task FetchAsync(RemoteImages images, Admission.Place place, CancellationToken cancellationToken) =>
        SideBySide.RunAsync(_gaps.Count, async (i, token) =>
        {
            (List<AIContent> contents, int index, string address, string path) = _gaps[i];
            byte[] bytes = await images.FetchAsync(address, path, _imageLimits.MaxBytes, place.Hold, token).ConfigureAwait(false);
            contents[index] = Checked(bytes, path);
        }, cancellationToken);

    DataContent Checked(byte[] bytes, string path) => new(bytes, ImageGate.Check(bytes, _imageLimits, path).MediaType);

    /// <summary>Keeps the place of an image that is still to be fetched.</summary>
    sealed class PendingImage : AIContent;
}
