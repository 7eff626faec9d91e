using SK.FasterVlm.Imaging;
using SK.FasterVlm.Server.Protocol;

namespace SK.FasterVlm.Server.Media;

/// <summary>
/// Judges an image by its header, before it is queued and long before it is decoded, so that the error can name the parameter and
/// costs next to nothing.
/// </summary>
static class ImageGate
{
    /// <summary>Checks kind and size.</summary>
    /// <exception cref="ApiException">Not an image (400) or over the limits (413).</exception>
    public static ImageHeader Check(ReadOnlySpan<byte> image, ImageLimits limits, string parameter)
    {
        ImageHeader header;
        try
        {
            header = ImageHeader.Read(image);
        }
        catch (ImageFormatException e)
        {
            throw ApiErrors.Bad(e.Message, parameter, "invalid_image", e);
        }
        long pixels = (long)header.Width * header.Height;
        if (header.Width > limits.MaxSide || header.Height > limits.MaxSide || pixels > limits.MaxPixels)
        {
            throw ApiErrors.TooLarge(
                $"The image at '{parameter}' is {header.Width} x {header.Height} pixels; a side may have {limits.MaxSide} and the whole {limits.MaxPixels}.",
                parameter, "image_too_large");
        }
        return header;
    }
}
