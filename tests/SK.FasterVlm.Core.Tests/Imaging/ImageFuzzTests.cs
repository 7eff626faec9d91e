using SK.FasterVlm.Imaging;

namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>Damaged files: only <see cref="ImageFormatException"/> may come out, and never half a picture.</summary>
public class ImageFuzzTests
{
    static readonly ImageLimits Small = new() { MaxPixels = 1_000_000 };

    public static TheoryData<string> Fixtures => [.. Golden.Fixtures];

    [Theory, MemberData(nameof(Fixtures))]
    public void TruncatedAtEveryByte_IsRefusedOrWhole(string name)
    {
        byte[] file = Golden.Fixture(name);
        byte[] whole = ImageDecoder.Decode(file).Pixels;
        for (int length = 0; length < file.Length; length++)
        {
            // A copy of exactly this length: reading past its end would be a fault, not a neighbour's byte.
            RgbImage? image = TryDecode(file[..length]);
            Assert.True(image is null || whole.AsSpan().SequenceEqual(image.Pixels), $"{name} cut to {length} of {file.Length} bytes gave another picture");
        }
    }

    [Theory, MemberData(nameof(Fixtures))]
    public void RandomDamage_GivesAPictureOrTheTypedError(string name)
    {
        byte[] file = Golden.Fixture(name);
        var random = new Random(20_241_202);
        for (int round = 0; round < 600; round++)
        {
            byte[] damaged = [.. file];
            for (int hits = 1 + random.Next(4); hits > 0; hits--)
            {
                // Headers decide most, so half of the hits go there.
                int at = random.Next(random.Next(2) == 0 ? Math.Min(64, file.Length) : file.Length);
                damaged[at] = random.Next(3) switch { 0 => (byte)random.Next(256), 1 => (byte)(damaged[at] ^ 1 << random.Next(8)), _ => (byte)(random.Next(2) * 255) };
            }

            TryDecode(damaged);
        }
    }

    [Fact]
    public void RandomBytesBehindEveryMagicNumber_GiveTheTypedError()
    {
        var random = new Random(1);
        foreach (string name in Golden.Fixtures)
        {
            byte[] magic = Golden.Fixture(name)[..20];
            for (int round = 0; round < 200; round++)
            {
                byte[] noise = new byte[random.Next(300)];
                random.NextBytes(noise);
                TryDecode([.. magic, .. noise]);
            }
        }
    }

    static RgbImage? TryDecode(byte[] file)
    {
        try
        {
            return ImageDecoder.Decode(file, Small);
        }
        catch (ImageFormatException)
        {
            return null;
        }
    }
}
