using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Gguf;

/// <summary>
/// Random damage with fixed seeds. Whatever the bytes: the reader and the header checks either succeed or throw
/// <see cref="ModelFormatException"/>.
/// </summary>
public sealed class GgufFuzzTests
{
    const int Mutations = 20_000;

    [Fact]
    public void RandomDamage_OnlyEverThrowsModelFormatException()
    {
        byte[][] seeds = [GgufSample.Bytes, GgufEdit.Projector().ToArray(), GgufEdit.Model().ToArray()];
        int accepted = 0;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] mutated = Mutate(seeds[i % 8 == 0 ? 1 + i / 8 % 2 : 0], new Random(i));
            Exception? error = Record.Exception(() =>
            {
                GgufFile file = GgufFile.Parse(mutated);
                foreach ((_, GgufValue value) in file.Metadata.Entries) _ = value.ToString();
                if (i % 8 != 0) return;
                if (i / 8 % 2 == 0) ClipHeader.Read(file);
                else LanguageHeader.Read(file);
            });
            Assert.True(error is null or ModelFormatException, $"mutation {i}: {error}");
            if (error is null) accepted++;
        }
        // Damage to values and data goes unnoticed, damage to structure does not: both must be exercised.
        Assert.InRange(accepted, Mutations / 50, Mutations * 9 / 10);
    }

    internal static byte[] Mutate(byte[] seed, Random random)
    {
        byte[] bytes = [.. seed];
        int header = (int)GgufFile.Parse(seed).DataOffset;
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            int at = random.Next(header);
            switch (random.Next(6))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes[at] = random.Next(2) == 0 ? (byte)0 : (byte)0xFF; break;
                case 3: bytes.AsSpan(at, Math.Min(8, bytes.Length - at)).Fill((byte)(random.Next(2) * 255)); break;
                case 4:
                    int from = random.Next(header), length = Math.Min(random.Next(1, 24), bytes.Length - Math.Max(from, at));
                    bytes.AsSpan(from, length).ToArray().CopyTo(bytes, at);
                    break;
                default:
                    if (random.Next(8) == 0) return bytes[..at];
                    bytes[at]++;
                    break;
            }
        }
        return bytes;
    }
}
