using System.Runtime.InteropServices;
using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>Orientation and blending against the plainest way to say them.</summary>
public class UprightWriterTests
{
    public static TheoryData<int, bool> Cases
    {
        get
        {
            var cases = new TheoryData<int, bool>();
            for (int orientation = 1; orientation <= 8; orientation++)
            {
                cases.Add(orientation, false);
                cases.Add(orientation, true);
            }

            return cases;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Write_InStrips_PutsEveryPixelInItsPlace(int orientation, bool blend)
    {
        const int Width = 37, Height = 150, Strip = 64;
        var random = new Random(orientation);
        uint[] stored = new uint[Width * Height];
        random.NextBytes(MemoryMarshal.AsBytes(stored.AsSpan()));
        RgbColor under = new(122, 116, 104);
        var writer = new UprightWriter(Width, Height, orientation, blend ? under : null);
        for (int y = 0; y < Height; y += Strip)
            writer.Write(MemoryMarshal.AsBytes(stored.AsSpan(y * Width, Math.Min(Strip, Height - y) * Width)), y);
        RgbImage image = writer.ToImage();

        Assert.Equal(orientation < 5 ? (Width, Height) : (Height, Width), (image.Width, image.Height));
        for (int y = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
            {
                // EXIF 3.0, 4.6.5.1.6: which sides of the upright picture the stored row 0 and column 0 are.
                (int column, int row) = orientation switch
                {
                    1 => (x, y), // top, left
                    2 => (Width - 1 - x, y), // top, right
                    3 => (Width - 1 - x, Height - 1 - y), // bottom, right
                    4 => (x, Height - 1 - y), // bottom, left
                    5 => (y, x), // left, top
                    6 => (Height - 1 - y, x), // right, top
                    7 => (Height - 1 - y, Width - 1 - x), // right, bottom
                    _ => (y, Width - 1 - x), // left, bottom
                };
                uint pixel = stored[y * Width + x];
                double share = blend ? (pixel >> 24) / 255.0 : 1;
                int at = (row * image.Width + column) * 3;
                Assert.Equal(Math.Round((pixel & 255) * share + under.R * (1 - share)), image.Pixels[at]);
                Assert.Equal(Math.Round((pixel >> 8 & 255) * share + under.G * (1 - share)), image.Pixels[at + 1]);
                Assert.Equal(Math.Round((pixel >> 16 & 255) * share + under.B * (1 - share)), image.Pixels[at + 2]);
            }
        }
    }
}
