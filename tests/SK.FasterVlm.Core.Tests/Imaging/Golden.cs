using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>The files of make_golden.py, and the formulas of its pictures.</summary>
static class Golden
{
    /// <summary>Root of the repository: the folder with the solution.</summary>
    public static string Root { get; } = FindRoot();

    public static string Folder { get; } = Path.Combine(Root, "tests", "SK.FasterVlm.Core.Tests", "Imaging", "golden");

    /// <summary>Every fixture, without the expected pictures.</summary>
    public static string[] Fixtures { get; } =
        [.. Directory.GetFiles(Path.Combine(Folder, "fixtures")).Select(p => Path.GetFileName(p)!).Where(n => !n.EndsWith(".expected.png", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    public static byte[] Fixture(string name) => File.ReadAllBytes(Path.Combine(Folder, "fixtures", name));

    public static RgbImage Expected(string name) => ImageDecoder.Decode(Fixture(name + ".expected.png"));

    /// <summary>picture() of make_golden.py.</summary>
    public static RgbImage Picture(string kind, int width, int height)
    {
        var pixels = new byte[width * height * 3];
        for (uint y = 0, at = 0; y < height; y++)
        {
            for (uint x = 0; x < width; x++)
            {
                for (uint c = 0; c < 3; c++) pixels[at++] = (byte)Value(kind, x, y, c, (uint)width, (uint)height);
            }
        }

        return new RgbImage(width, height, pixels);
    }

    /// <summary>Largest difference of two pictures of one size, and the share of equal bytes.</summary>
    public static (int Largest, double Equal) Compare(RgbImage a, RgbImage b)
    {
        Assert.Equal((a.Width, a.Height), (b.Width, b.Height));
        int largest = 0, equal = 0;
        for (int i = 0; i < a.Pixels.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(a.Pixels[i] - b.Pixels[i]));
            if (a.Pixels[i] == b.Pixels[i]) equal++;
        }

        return (largest, (double)equal / a.Pixels.Length);
    }

    static uint Value(string kind, uint x, uint y, uint c, uint width, uint height)
    {
        if (kind == "gradient")
        {
            return c switch
            {
                0 => x * 255 / Math.Max(width - 1, 1),
                1 => y * 255 / Math.Max(height - 1, 1),
                _ => (x + y) * 255 / (uint)Math.Max((int)(width + height) - 2, 1),
            };
        }

        if (kind == "edges")
        {
            return c switch
            {
                0 => (x / 3 + y / 7) % 2 * 255,
                1 => x * y % 9 < 4 ? 255u : 0,
                _ => (x + 2 * y) % 17 < 5 ? 255u : 0,
            };
        }

        uint h = x * 0x9E3779B1 ^ y * 0x85EBCA77 ^ (c + 1) * 0xC2B2AE3D;
        h = (h ^ h >> 15) * 0x2C1B3C6D;
        h = (h ^ h >> 12) * 0x297A2D39;
        return (h ^ h >> 15) & 255;
    }

    static string FindRoot()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "SK.FasterVlm.sln"))) return at.FullName;
        throw new InvalidOperationException("The tests run outside the repository, whose golden files they need.");
    }
}
