using System.Buffers;
using System.Security.Cryptography;

namespace SK.FasterVlm.Models;

/// <summary>SHA-256 of a whole file, as it lies on the disk.</summary>
static class FileHash
{
    const int BlockBytes = 1 << 20;

    /// <summary>Reads the file once.</summary>
    /// <param name="path">The file.</param>
    /// <param name="read">Told the bytes read so far, every 16 MiB and at the end.</param>
    /// <param name="cancellationToken">Checked every MiB.</param>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    internal static async Task<string> Sha256Async(string path, Action<long>? read, CancellationToken cancellationToken)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0, FileOptions.Asynchronous | FileOptions.SequentialScan);
        await using (stream.ConfigureAwait(false))
        {
            byte[] block = ArrayPool<byte>.Shared.Rent(BlockBytes);
            try
            {
                long done = 0;
                for (int count; (count = await stream.ReadAsync(block, cancellationToken).ConfigureAwait(false)) > 0;)
                {
                    hash.AppendData(block, 0, count);
                    done += count;
                    if ((done & (16 * BlockBytes - 1)) < count) read?.Invoke(done);
                }
                read?.Invoke(done);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(block);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
