namespace SK.FasterVlm.Models;

/// <summary>What fetching a model is at.</summary>
public enum ModelDownloadStage
{
    /// <summary>Another process fetches this file; waiting for it to end.</summary>
    Waiting,

    /// <summary>Bytes arrive.</summary>
    Downloading,

    /// <summary>The transfer broke off and is about to go on.</summary>
    Retrying,

    /// <summary>Reading the whole file to compare its SHA-256.</summary>
    Verifying,

    /// <summary>The file is in the cache.</summary>
    Done,
}

/// <summary>A report of progress while a model is fetched or verified.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="File">The file's name.</param>
/// <param name="FileIndex">Number of the file, from 0.</param>
/// <param name="FileCount">Files of the model.</param>
/// <param name="Bytes">Bytes of this file on disk, or read so far when verifying.</param>
/// <param name="TotalBytes">Size of this file, once known.</param>
/// <param name="Note">One line about something unusual: why bytes were thrown away, why it is tried again; usually null.</param>
public readonly record struct ModelDownloadProgress(
    ModelDownloadStage Stage, string File, int FileIndex, int FileCount, long Bytes, long? TotalBytes, string? Note = null)
{
    /// <summary>Share of the whole that is done, 0 to 1, files counted alike.</summary>
    public double Share =>
        (FileIndex + (Stage is ModelDownloadStage.Done or ModelDownloadStage.Verifying ? 1 : TotalBytes > 0 ? (double)Bytes / TotalBytes.Value : 0)) / FileCount;
}
