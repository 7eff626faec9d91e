using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>The two panels of the heatmap, and PNG writing.</summary>
public class HeatmapRendererTests
{
    const int Side = 672, Gap = 16;

    [Fact]
    public void ToPng_DecodesToTheSamePicture()
    {
        RgbImage image = Golden.Picture("noise", 37, 21);
        Assert.Equal(image.Pixels, ImageDecoder.Decode(ImageEncoder.ToPng(image)).Pixels);
    }

    [Fact]
    public void ToPng_Caption_LeavesThePictureAlone()
    {
        RgbImage image = Golden.Picture("noise", 337, 21);
        RgbImage captioned = ImageDecoder.Decode(ImageEncoder.ToPng(image, "58 of 576 visual tokens"));
        // Without fonts there is no strip; with them it stands below.
        Assert.True(captioned.Height is 21 or 61);
        Assert.Equal(image.Pixels, captioned.Pixels[..image.Pixels.Length]);
    }

    [Fact]
    public void Render_ShowsAttentionLeftAndKeptPatchesRight()
    {
        RgbImage gray = new(4, 4, [.. Enumerable.Repeat((byte)200, 48)]);
        RgbImage page = ImageDecoder.Decode(HeatmapRenderer.Render(gray, [0f, 1f, 0.25f, float.NaN], [1, 2], 2));
        Assert.Equal((2 * Side + Gap, Side), (page.Width, page.Height));
        // Patches of a 2 x 2 grid: 0 1 above 2 3.
        int[] heat = [Brightness(page, 100, 100), Brightness(page, 500, 100), Brightness(page, 100, 500), Brightness(page, 500, 500)];
        Assert.True(heat[1] > heat[2] && heat[2] > heat[0], string.Join(' ', heat));
        Assert.Equal(heat[0], heat[3]);
        int right = Side + Gap;
        Assert.Equal(600, Brightness(page, right + 500, 100));
        Assert.Equal(600, Brightness(page, right + 100, 500));
        Assert.Equal(3 * 62, Brightness(page, right + 100, 100));
        Assert.Equal(3 * 62, Brightness(page, right + 500, 500));
    }

    [Fact]
    public void Render_NoAttentionAndNothingKept_Works()
    {
        byte[] png = HeatmapRenderer.Render(Golden.Picture("edges", 30, 90), new float[576], [], 24, "0 of 576");
        Assert.Equal(ImageFormat.Png, ImageHeader.Read(png).Format);
    }

    [Fact]
    public void Render_WhatDoesNotFitTheGrid_IsRefused()
    {
        RgbImage image = Golden.Picture("edges", 4, 4);
        Assert.Throws<ArgumentException>(() => HeatmapRenderer.Render(image, new float[575], [], 24));
        Assert.Throws<ArgumentException>(() => HeatmapRenderer.Render(image, new float[576], [576], 24));
        Assert.Throws<ArgumentException>(() => HeatmapRenderer.Render(image, new float[576], [-1], 24));
        Assert.Throws<ArgumentOutOfRangeException>(() => HeatmapRenderer.Render(image, [], [], 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => HeatmapRenderer.Render(image, new float[169 * 169], [], 169));
    }

    static int Brightness(RgbImage image, int x, int y)
    {
        int at = (y * image.Width + x) * 3;
        return image.Pixels[at] + image.Pixels[at + 1] + image.Pixels[at + 2];
    }
}
