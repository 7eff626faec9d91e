using SK.FasterVlm.Chat;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

/// <summary>A prompt as the language model gets it: rows in order, counted against the context. Holds its images until disposed.</summary>
sealed class PreparedPrompt : IDisposable
{
    readonly IReadOnlyList<VisionCache.Lease> _leases;

    PreparedPrompt(IReadOnlyList<PromptRows> rows, UInt128[] keys, IReadOnlyList<ImageStatistics> images, IReadOnlyList<VisionCache.Lease> leases) =>
        (Rows, Keys, Images, _leases) = (rows, keys, images, leases);

    /// <summary>Token and embedding rows.</summary>
    public IReadOnlyList<PromptRows> Rows { get; }

    /// <summary>What each row is.</summary>
    public UInt128[] Keys { get; }

    /// <summary>Positions the rows take.</summary>
    public int Length => Keys.Length;

    /// <summary>What the images cost and kept.</summary>
    public IReadOnlyList<ImageStatistics> Images { get; }

    /// <summary>Tokenises the text, encodes the images and counts: nothing that does not fit gets any further.</summary>
    /// <exception cref="ContextLengthException">The prompt leaves no position for an answer.</exception>
    public static async Task<PreparedPrompt> CreateAsync(
        GenerationRequest request, PromptTokenizer tokenizer, ImageSource images, int contextLength, CancellationToken cancellationToken)
    {
        IReadOnlyList<PromptPart> parts = tokenizer.Tokenize(request.Prompt);
        int textLength = parts.Sum(static p => p.Tokens.Length);
        CheckLength(textLength, 0, contextLength); // before seconds are spent on images

        List<VisionCache.Lease> leases = [];
        try
        {
            List<(CachedImage Image, ImageStatistics Statistics)> prepared = [];
            for (int i = 0; i < request.Images.Count; i++)
                prepared.Add(await images.GetAsync(request, i, leases, cancellationToken).ConfigureAwait(false));

            int visual = parts.Sum(p => p.IsImage ? prepared[p.ImageIndex].Image.Tokens.Count : 0);
            CheckLength(textLength + visual, visual, contextLength);

            List<PromptRows> rows = new(parts.Count);
            List<UInt128> keys = new(textLength + visual);
            foreach (PromptPart part in parts)
            {
                if (!part.IsImage)
                {
                    rows.Add(PromptRows.FromTokens(part.Tokens));
                    RowKey.Append(keys, part.Tokens);
                }
                else if (prepared[part.ImageIndex].Image is { Tokens.Count: > 0 } image)
                {
                    rows.Add(PromptRows.FromEmbeddings(image.Tokens.Embeddings, image.Tokens.Count));
                    RowKey.Append(keys, image.RowKey, image.Tokens.Count);
                }
            }
            return new PreparedPrompt(rows, [.. keys], [.. prepared.Select(static p => p.Statistics)], leases);
        }
        catch
        {
            foreach (VisionCache.Lease lease in leases) lease.Dispose();
            throw;
        }
    }

    /// <summary>The rows from a position on.</summary>
    /// <param name="from">First row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="width">Width of an embedding.</param>
    public IReadOnlyList<PromptRows> Slice(int from, int count, int width)
    {
        if (from == 0 && count == Length) return Rows;
        List<PromptRows> slice = [];
        int start = 0;
        foreach (PromptRows run in Rows)
        {
            int first = Math.Max(from, start), end = Math.Min(from + count, start + run.Count);
            if (first < end) slice.Add(RowKey.Slice(run, first - start, end - first, width));
            start += run.Count;
        }
        return slice;
    }

    /// <summary>Lets go of the images.</summary>
    public void Dispose()
    {
        foreach (VisionCache.Lease lease in _leases) lease.Dispose();
    }

    static void CheckLength(int length, int visual, int contextLength)
    {
        // One position must be left for the answer.
        if (length >= contextLength) throw new ContextLengthException(length + 1, contextLength, visual);
    }
}
