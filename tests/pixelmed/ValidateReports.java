import com.pixelmed.dicom.AttributeList;
import com.pixelmed.validate.DicomSRValidator;

/** Validates several structured reports in one virtual machine, whose start costs seconds. */
public class ValidateReports {
    public static void main(String[] files) throws Exception {
        DicomSRValidator validator = new DicomSRValidator();
        for (String file : files) {
            AttributeList list = new AttributeList();
            list.read(file);
            System.out.println("FILE " + file);
            System.out.println(validator.validate(list));
        }
    }
}
